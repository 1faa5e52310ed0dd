// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Tokens that misbehave, each in one way. The well behaved one is src/TestUSDC.sol.

/// @notice The common part: balances, allowances and a move that can be bent. It returns no value from `transfer`
/// and `transferFrom`, as some real tokens do; `Returning` adds the value.
abstract contract Ledger {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(bytes32 => bool) public used;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    /// EIP-3009 without the signature check: these tokens are about the movement, not about who allowed it.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata
    ) external virtual {
        require(msg.sender == to, "caller is not the payee");
        require(block.timestamp > validAfter && block.timestamp < validBefore, "not now");
        require(!used[nonce], "used");
        used[nonce] = true;
        _move(from, to, value);
    }

    function _spend(address from, uint256 amount) internal {
        allowance[from][msg.sender] -= amount;
    }

    function _move(address from, address to, uint256 amount) internal virtual {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Says nothing when it has moved money.
contract NoReturnToken is Ledger {
    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _spend(from, amount);
        _move(from, to, amount);
    }
}

abstract contract Returning is Ledger {
    function transfer(address to, uint256 amount) external virtual returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external virtual returns (bool) {
        _spend(from, amount);
        _move(from, to, amount);
        return true;
    }
}

/// @notice Keeps one percent of each movement.
contract FeeToken is Returning {
    function _move(address from, address to, uint256 amount) internal override {
        balanceOf[from] -= amount;
        balanceOf[to] += amount - amount / 100;
    }
}

/// @notice Says no without reverting.
contract FalseToken is Returning {
    function transfer(address, uint256) external pure override returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) external pure override returns (bool) {
        return false;
    }
}

/// @notice Gives the receiver more than was sent: as harmful to the books as less.
contract BonusToken is Returning {
    function _move(address from, address to, uint256 amount) internal override {
        balanceOf[from] -= amount;
        balanceOf[to] += amount + 1;
    }
}

/// @notice Refuses movements from and to addresses on its list.
contract DenylistToken is Returning {
    mapping(address => bool) public denied;

    error Denied(address account);

    function setDenied(address account, bool denied_) external {
        denied[account] = denied_;
    }

    function _move(address from, address to, uint256 amount) internal override {
        require(!denied[from], Denied(from));
        require(!denied[to], Denied(to));
        super._move(from, to, amount);
    }
}

/// @notice Calls somebody in the middle of each movement, before or after the balances change, and keeps what the
/// call answered.
contract CallingToken is Returning {
    address public target;
    bytes public message;
    bool public before;

    uint256 public calls;
    bool public succeeded;
    bytes public answer;

    function callOnMove(address target_, bytes calldata message_, bool before_) external {
        target = target_;
        message = message_;
        before = before_;
    }

    function _move(address from, address to, uint256 amount) internal override {
        if (before) _call();
        super._move(from, to, amount);
        if (!before) _call();
    }

    function _call() private {
        if (target == address(0)) return;
        calls++;
        (succeeded, answer) = target.call(message);
    }
}

/// @notice Takes from the receiver instead of giving.
contract DrainToken is Returning {
    function _move(address, address to, uint256) internal override {
        balanceOf[to] -= 1;
    }
}

/// @notice Has no ERC-3009, but a fallback that swallows the call.
contract SwallowingToken is Returning {
    function receiveWithAuthorization(address, address, uint256, uint256, uint256, bytes32, bytes calldata)
        external
        override
    {}
}
