//! The one binary `tollbook`, where all parts are put together.
//!
//! [`cli`] says what can be asked of it, [`config`] what it needs to know; [`node`] runs the roles
//! (`up`, `serve`, `work`), [`seed`] makes a first organization with its key, [`audit`] checks the
//! log and what follows from it (`verify`, `reconcile`, `replay`), [`parked`] shows what billing could not do,
//! [`onchain`] deploys the contract and signs as a test owner, [`chain_cli`] says how the chain is followed, [`proof`]
//! checks that a charge was paid for, [`demo_upstream`] stands in for what is sold, [`demo_stripe`] for Stripe,
//! [`plans`], [`test_clock`] and [`invoice`] ask a running server for something ([`remote`]), [`simulate`] sends a
//! trace, [`demo_billing`] sells a plan and checks the invoice,
//! [`bench`](mod@bench) measures how fast all of it is. [`pipe`] ends it quietly when nobody reads what it prints.

mod audit;
mod bench;
mod chain_cli;
mod cli;
mod config;
mod demo_billing;
mod demo_stripe;
mod demo_upstream;
mod invoice;
mod node;
mod onchain;
mod parked;
mod pipe;
mod plans;
mod proof;
mod remote;
mod seed;
mod simulate;
mod test_clock;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command, DemoCommand};

/// Many small pieces on several threads: the system's own took a seventh of all the time under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pipe::quietly(start)
}

fn start() -> ExitCode {
    let cli = Cli::parse();
    cli.logging.install();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("tollbook: {error}");
    ExitCode::FAILURE
}

/// Whether all is well; the outer error says that it could not be found out.
async fn run(command: Command) -> Result<bool, Box<dyn std::error::Error>> {
    match command {
        Command::Up(args) => node::up(args).await.map(|()| true),
        Command::Serve(args) => node::serve(args).await.map(|()| true),
        Command::Work(args) => node::work(args).await.map(|()| true),
        Command::Migrate(store) => store.migrate().await.map(|()| true),
        Command::Verify(args) => audit::verify(&args).await,
        Command::Reconcile(args) => audit::reconcile(&args).await,
        Command::Replay(args) => audit::replay(args).await,
        Command::Organization(args) => seed::organization(args).await.map(|()| true),
        Command::Billing(args) => parked::run(args).await,
        Command::Chain(args) => onchain::run(args).await,
        Command::Proof(args) => proof::run(args).await.map(|()| true),
        Command::Demo(args) => match args.command {
            DemoCommand::Upstream(args) => demo_upstream::run(args).await.map(|()| true),
            DemoCommand::Stripe(settings) => demo_stripe::run(settings).await.map(|()| true),
            DemoCommand::Billing(args) => demo_billing::run(args).await,
        },
        Command::Plans(args) => plans::run(args).await.map(|()| true),
        Command::Clock(args) => test_clock::run(args).await.map(|()| true),
        Command::Invoice(args) => invoice::run(args).await,
        Command::Simulate(args) => Ok(simulate::run(args).await?),
        Command::Bench(args) => Ok(bench::run(args).await?),
    }
}
