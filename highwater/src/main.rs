//! The binary: configuration, command line, wiring. The only crate that knows all the others.

mod backtest;
mod backup;
mod check;
mod cli;
mod cluster;
mod config;
mod demo;
mod detect;
mod evaluate;
mod generate;
mod logging;
mod office;
mod run;
mod signals;
mod status;
mod table;
mod templates;
mod watch;
mod wire;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command, Demo};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // clap itself ends with 2 where the command line is wrong, and with 0 after help
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = match cli.command.unwrap_or_else(|| Command::Demo(Demo::unasked())) {
        Command::Demo(demo) => demo::demo(&demo),
        Command::Run(arguments) => run::run(&arguments),
        Command::Generate(arguments) => generate::generate(&arguments),
        Command::Backtest(arguments) => backtest::backtest(&arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::ForgetSecrets(arguments) => backup::forget_secrets(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Detect(arguments) => detect::detect(&arguments),
        Command::Evaluate(arguments) => evaluate::evaluate(&arguments),
        Command::Templates(arguments) => templates::templates(&arguments),
        Command::Version => {
            status::say(concat!("highwater ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            status::clear();
            status::to_stderr(&format!("highwater: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
