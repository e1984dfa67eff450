//! The list of servers: choosing one, adding or removing one, and signing in.

use super::Pacs;
use crate::session::{Session, job::PacsJob};
use labrum_core::pacs::{Secret, Server};
use std::mem;

impl Session {
    /// The server to use: the chosen one, else the first.
    pub fn chosen_server(&self) -> Option<&Server> {
        let servers = &self.settings.servers;
        servers
            .iter()
            .find(|s| s.name == self.pacs.server)
            .or(servers.first())
    }

    pub(super) fn choose_server(&mut self, name: String) {
        if name == self.pacs.server {
            return;
        }
        self.stop_pacs();
        let queue = mem::take(&mut self.pacs.queue);
        let query = mem::take(&mut self.pacs.query);
        let opened = self.pacs.opened;
        self.pacs = Pacs {
            server: name,
            query,
            queue,
            opened,
            ..Pacs::default()
        };
    }

    pub(super) fn save_server(&mut self, before: Option<String>, mut server: Server) {
        server.name = server.name.trim().to_owned();
        let name = server.name.clone();
        self.change_settings(|settings| {
            let servers = &mut settings.servers;
            let known = before.and_then(|before| servers.iter().position(|s| s.name == before));
            match known {
                Some(at) => servers[at] = server,
                None => servers.push(server),
            }
        });
        // Choosing it again connects with the new settings.
        self.pacs.server.clear();
        self.choose_server(name);
    }

    pub(super) fn remove_server(&mut self, name: &str) {
        let gone = self
            .settings
            .servers
            .iter()
            .find(|s| s.name == name)
            .cloned();
        let Some(gone) = gone else { return };
        self.ask_worker(PacsJob::Forget(gone));
        self.change_settings(|settings| settings.servers.retain(|s| s.name != name));
        let first = self
            .settings
            .servers
            .first()
            .map_or(String::new(), |s| s.name.clone());
        self.choose_server(first);
    }

    pub(super) fn sign_in(&mut self, name: &str, secret: Secret, is_kept: bool) {
        let known = self
            .settings
            .servers
            .iter()
            .find(|s| s.name == name)
            .cloned();
        let Some(server) = known else { return };
        self.ask_worker(PacsJob::SignIn {
            server,
            secret,
            is_kept,
        });
        self.pacs.needs_sign_in = false;
        self.pacs.trouble = None;
        if let Some(postponed) = self.pacs.postponed.take() {
            self.pacs_action(*postponed);
        }
    }
}
