//! Finds the server of a command and its secret, which comes from the environment, stdin or the key store, never from an
//! argument.

use crate::io::pacs::{Archive, forget_secret, keep_secret, kept_secret};
use crate::session::settings::Settings;
use crate::worker::AppFolders;
use crate::{Error, Result};
use labrum_core::pacs::{Protocol, Secret, Server, SignIn};
use std::collections::HashMap;
use std::{env, io, path::PathBuf};

/// Environment variable with the password or token.
const SECRET: &str = "LABRUM_PACS_SECRET";

/// A server, by name or address.
#[derive(clap::Args, Debug, Clone)]
pub(in crate::cli) struct ServerArguments {
    /// Name of a server, or its address: https://HOST/dicom-web or dicom://AETITLE@HOST:PORT
    server: String,
    #[command(flatten)]
    more: AccessArguments,
}

/// Options for access to a server.
#[derive(clap::Args, Debug, Clone, Default)]
pub(in crate::cli) struct AccessArguments {
    /// User name; the password is read from LABRUM_PACS_SECRET, stdin or the key store
    #[arg(long)]
    user: Option<String>,
    /// The secret is a bearer token
    #[arg(long, conflicts_with = "user")]
    token: bool,
    /// Read the password or token from the first line of stdin
    #[arg(long)]
    secret_from_stdin: bool,
    /// Certificate file (PEM) to trust instead of the system's certificates
    #[arg(long)]
    certificates: Option<PathBuf>,
    /// Own AE title (DIMSE)
    #[arg(long)]
    own_ae: Option<String>,
    /// Receive by C-MOVE on this port instead of by C-GET (DIMSE); the server must know the own AE title
    #[arg(long)]
    move_port: Option<u16>,
}

#[derive(clap::Args, Debug)]
pub(super) struct AddServerArguments {
    /// Name for the server
    name: String,
    /// Address: https://HOST/dicom-web or dicom://AETITLE@HOST:PORT
    #[arg(long)]
    address: String,
    #[command(flatten)]
    more: AccessArguments,
}

impl ServerArguments {
    /// Opens the server with its secret.
    pub(in crate::cli) fn open_archive(&self) -> Result<Archive> {
        let server = resolve_server(&self.server, &self.more)?;
        let secret = self.more.secret_for(&server)?;
        Archive::new(&server, secret.as_ref())
    }
}

impl AccessArguments {
    fn secret_for(&self, server: &Server) -> Result<Option<Secret>> {
        secret_of(server, self.secret_from_stdin)
    }
}

/// The server with this name or at this address.
pub(in crate::cli) fn resolve_server(text: &str, more: &AccessArguments) -> Result<Server> {
    let mut server = match at_address(text)? {
        Some(server) => server,
        None => server_by_name(text)?,
    };
    more.apply(&mut server);
    match server.find_problem() {
        None => Ok(server),
        Some(problem) => Err(Error::new(
            format!("use the server \"{}\"", server.name),
            problem,
        )),
    }
}

impl AccessArguments {
    fn apply(&self, server: &mut Server) {
        if let Some(user) = &self.user {
            server.sign_in = SignIn::Password;
            server.user = user.clone();
        }
        if self.token {
            server.sign_in = SignIn::Token;
        }
        if let Some(path) = &self.certificates {
            server.certificates = Some(path.clone());
        }
        if let Some(title) = &self.own_ae {
            server.calling_ae.clone_from(title);
        }
        if self.move_port.is_some() {
            server.move_port = self.move_port;
        }
    }
}

fn at_address(text: &str) -> Result<Option<Server>> {
    if let Some(rest) = text.strip_prefix("dicom://") {
        let Some((ae, address)) = rest.split_once('@') else {
            return Err(Error::new(
                format!("use the server \"{text}\""),
                "the AE title is missing",
            )
            .with_advice("Use dicom://AETITLE@HOST:PORT."));
        };
        let called_ae = ae.to_owned();
        let address = address.trim_end_matches('/').to_owned();
        return Ok(Some(Server {
            name: text.into(),
            protocol: Protocol::Dimse,
            called_ae,
            address,
            ..Server::default()
        }));
    }
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    // An address with a password must not appear in any message.
    let has_user = text
        .split_once("://")
        .is_some_and(|(_, rest)| rest.split('/').next().unwrap_or("").contains('@'));
    if is_web && has_user {
        return Err(Error::new(
            "use this server",
            "the address must not contain a user name or password",
        )
        .with_advice(format!("Use --user, and set {SECRET} to the password.")));
    }
    Ok(is_web.then(|| Server {
        name: text.into(),
        address: text.into(),
        ..Server::default()
    }))
}

fn server_by_name(name: &str) -> Result<Server> {
    let settings = load_settings()?;
    let found = settings
        .servers
        .iter()
        .find(|s| s.name.eq_ignore_ascii_case(name))
        .cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = settings.servers.iter().map(|s| s.name.as_str()).collect();
        let advice = match names.as_slice() {
            [] => "Add one with labrum pacs add, or give an address.".to_owned(),
            names => format!(
                "Configured servers: {} (see labrum pacs servers).",
                names.join(", ")
            ),
        };
        Error::new(
            format!("find the server \"{name}\""),
            "no server has this name",
        )
        .with_advice(advice)
    })
}

fn load_settings() -> Result<Settings> {
    match AppFolders::of_user().load_settings() {
        (settings, None) => Ok(settings),
        (_, Some(error)) => Err(error),
    }
}

/// The secret from stdin, the environment or the key store; `None` if the server needs none.
pub(in crate::cli) fn secret_of(server: &Server, from_stdin: bool) -> Result<Option<Secret>> {
    if server.sign_in == SignIn::None {
        return Ok(None);
    }
    if server.is_secret_in_the_clear() {
        crate::cli::console::print_remark(format_args!(
            "labrum: warning: the secret is sent unencrypted; use https://"
        ));
    }
    if let Some(secret) = given_secret(from_stdin)? {
        return Ok(Some(secret));
    }
    match kept_secret(server) {
        Ok(Some(secret)) => Ok(Some(secret)),
        Ok(None) => Err(missing_secret(
            server,
            "the key store has none for this server",
        )),
        Err(error) => Err(missing_secret(server, &error.reason)),
    }
}

fn missing_secret(server: &Server, reason: &str) -> Error {
    let what = if server.sign_in == SignIn::Token {
        "token"
    } else {
        "password"
    };
    Error::new(
        format!("find the {what} of the server \"{}\"", server.name),
        reason,
    )
    .with_advice(format!(
        "Set {SECRET}, use --secret-from-stdin, or save it with labrum pacs sign-in."
    ))
}

fn given_secret(from_stdin: bool) -> Result<Option<Secret>> {
    if from_stdin {
        let mut line = String::new();
        io::stdin()
            .read_line(&mut line)
            .map_err(|e| Error::new("read the secret from stdin", e))?;
        return Ok(Some(Secret::new(line.trim_end_matches(['\r', '\n']))));
    }
    Ok(env::var(SECRET)
        .ok()
        .filter(|s| !s.is_empty())
        .map(Secret::new))
}

/// Secrets of several servers, each read only once.
#[derive(Default)]
pub(in crate::cli) struct ServerSecrets(HashMap<String, Option<Secret>>);

impl ServerSecrets {
    /// Opens the server with its secret.
    pub(in crate::cli) fn open_archive(&mut self, server: &Server) -> Result<Archive> {
        let who = format!("{} {}", server.file_key(), server.user);
        if !self.0.contains_key(&who) {
            self.0.insert(who.clone(), secret_of(server, false)?);
        }
        Archive::new(server, self.0.get(&who).and_then(Option::as_ref))
    }
}

pub(super) fn list_servers(json: bool) -> Result<()> {
    let settings = load_settings()?;
    if json {
        return crate::cli::print_json(&settings.servers);
    }
    if settings.servers.is_empty() {
        return crate::cli::print_text("No servers configured. Add one with labrum pacs add.");
    }
    settings.servers.iter().try_for_each(|s| {
        let user = if s.user.is_empty() {
            String::new()
        } else {
            format!("  user {}", s.user)
        };
        crate::cli::print_text(&format!(
            "{}  {}  {}{user}",
            s.name,
            s.protocol.display_name(),
            s.address
        ))
    })
}

pub(super) fn add_server(arguments: &AddServerArguments) -> Result<()> {
    let tried = "add the server";
    let mut server = at_address(&arguments.address)?.ok_or_else(|| {
        Error::new(tried, "not a valid address")
            .with_advice("Use https://HOST/dicom-web or dicom://AETITLE@HOST:PORT.")
    })?;
    server.name = arguments.name.trim().to_owned();
    arguments.more.apply(&mut server);
    if let Some(problem) = server.find_problem() {
        return Err(Error::new(tried, problem));
    }
    update_servers(|servers| {
        servers.retain(|s| !s.name.eq_ignore_ascii_case(&server.name));
        servers.push(server);
        Ok(())
    })
}

pub(super) fn remove_server(name: &str) -> Result<()> {
    let server = server_by_name(name)?;
    if server.sign_in != SignIn::None
        && let Err(error) = forget_secret(&server)
    {
        crate::cli::console::print_remark(format_args!("labrum: {error}"));
    }
    update_servers(|servers| {
        servers.retain(|s| !s.name.eq_ignore_ascii_case(name));
        Ok(())
    })
}

fn update_servers(change: impl FnOnce(&mut Vec<Server>) -> Result<()>) -> Result<()> {
    let mut settings = load_settings()?;
    change(&mut settings.servers)?;
    AppFolders::of_user().save_settings(&settings)
}

pub(super) fn sign_in(name: &str, from_stdin: bool) -> Result<()> {
    let server = server_by_name(name)?;
    if server.sign_in == SignIn::None {
        return Err(Error::new(
            "sign in",
            format!("the server \"{name}\" is configured without sign-in"),
        )
        .with_advice("Add it again with --user or --token."));
    }
    let secret =
        given_secret(from_stdin)?.ok_or_else(|| missing_secret(&server, "none was given"))?;
    keep_secret(&server, &secret)
}
