//! Where payments and their refunds are in their lives, and what overtakes what.

use serde::{Deserialize, Serialize};

/// Where a payment is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The provider has not heard of it, or has not answered.
    #[default]
    Created,
    /// The provider works on it.
    Processing,
    /// The customer has to do something.
    RequiresAction,
    /// The money is reserved.
    Authorized,
    /// The money is there.
    Succeeded,
    /// It was declined.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Status {
    /// Every one that a payment can be in.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Processing,
        Self::RequiresAction,
        Self::Authorized,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Processing => "processing",
            Self::RequiresAction => "requires_action",
            Self::Authorized => "authorized",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// What overtakes what, in whatever order it is heard. A payment that failed may be tried again at the provider:
    /// that it was reserved or has come says more than that it failed.
    const fn rank(self) -> u8 {
        match self {
            Self::Created => 0,
            Self::Processing => 1,
            Self::RequiresAction => 2,
            Self::Failed => 3,
            Self::Authorized => 4,
            Self::Cancelled => 5,
            Self::Succeeded => 6,
        }
    }

    /// Whether it says more than an earlier word.
    pub const fn overtakes(self, earlier: Self) -> bool {
        self.rank() > earlier.rank()
    }
}

/// Where a refund is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// The provider has not answered, or works on it.
    #[default]
    Pending,
    /// The money went back.
    Succeeded,
    /// It did not.
    Failed,
}

impl RefundStatus {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// What overtakes what: a bank may send back what a provider has sent, never the other way round.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Succeeded => 1,
            Self::Failed => 2,
        }
    }
}

/// What can be asked of a payment that waits, and be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requested {
    /// To capture it.
    Capture,
    /// To cancel it.
    Cancel,
}
