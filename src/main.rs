//! Opens the window.

fn main() -> std::process::ExitCode {
    env_logger::init();
    let paths = std::env::args_os().skip(1).map(Into::into).collect();
    match labrum::app::run(paths, Default::default()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("labrum: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
