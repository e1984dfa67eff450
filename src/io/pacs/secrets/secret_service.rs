//! The Secret Service of Linux desktops (freedesktop.org, draft 0.2) over D-Bus: GNOME's keyring, KWallet, KeePassXC.
//!
//! Secrets go over the user's own session bus as they are, the `plain` algorithm of the specification.

use super::NoStore;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use zbus::{
    Connection, Proxy,
    zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value},
};

const SERVICE: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
/// A person has so long to unlock the store.
const UNLOCK: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);
/// What stands for no object.
const NONE: &str = "/";

/// Session, parameters, value and content type, as the service hands secrets over.
type Handed = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

pub(super) fn get(application: &str, who: &str) -> Result<Option<String>, NoStore> {
    pollster::block_on(async {
        let service = Service::open_session().await?;
        let Some(item) = service.find_unlocked_item(application, who).await? else {
            return Ok(None);
        };
        let item = service
            .proxy_for(&item, "org.freedesktop.Secret.Item")
            .await?;
        let (secret,): (Handed,) = item.call("GetSecret", &(&service.session,)).await?;
        String::from_utf8(secret.2)
            .map(Some)
            .map_err(|_| NoStore::NoText)
    })
}

pub(super) fn set(application: &str, who: &str, secret: &str) -> Result<(), NoStore> {
    pollster::block_on(async {
        let service = Service::open_session().await?;
        let root = service
            .proxy_for(ROOT, "org.freedesktop.Secret.Service")
            .await?;
        let (collection,): (OwnedObjectPath,) = root.call("ReadAlias", &("default",)).await?;
        if collection.as_str() == NONE {
            return Err(NoStore::Missing);
        }
        service.unlock_object(&collection).await?;
        let attributes: HashMap<&str, &str> = [("application", application), ("who", who)].into();
        let properties: HashMap<&str, Value<'_>> = [
            (
                "org.freedesktop.Secret.Item.Label",
                Value::from(format!("{application}: {who}")),
            ),
            (
                "org.freedesktop.Secret.Item.Attributes",
                Value::from(attributes),
            ),
        ]
        .into();
        let handed = (
            &service.session,
            Vec::<u8>::new(),
            secret.as_bytes(),
            "text/plain; charset=utf8",
        );
        let collection = service
            .proxy_for(&collection, "org.freedesktop.Secret.Collection")
            .await?;
        let made: (OwnedObjectPath, OwnedObjectPath) = collection
            .call("CreateItem", &(properties, handed, true))
            .await?;
        if made.0.as_str() == NONE {
            Err(NoStore::Locked)
        } else {
            Ok(())
        }
    })
}

pub(super) fn forget(application: &str, who: &str) -> Result<(), NoStore> {
    pollster::block_on(async {
        let service = Service::open_session().await?;
        let Some(item) = service.find_unlocked_item(application, who).await? else {
            return Ok(());
        };
        let item = service
            .proxy_for(&item, "org.freedesktop.Secret.Item")
            .await?;
        let _prompt: (OwnedObjectPath,) = item.call("Delete", &()).await?;
        Ok(())
    })
}

struct Service {
    connection: Connection,
    session: OwnedObjectPath,
}

impl Service {
    async fn open_session() -> Result<Self, NoStore> {
        let connection = Connection::session().await.map_err(|_| NoStore::Missing)?;
        let root = Proxy::new(&connection, SERVICE, ROOT, "org.freedesktop.Secret.Service").await?;
        let opened: (OwnedValue, OwnedObjectPath) = root
            .call("OpenSession", &("plain", Value::from("")))
            .await
            .map_err(|_| NoStore::Missing)?;
        Ok(Self {
            connection,
            session: opened.1,
        })
    }

    async fn proxy_for(&self, path: &str, interface: &'static str) -> Result<Proxy<'_>, NoStore> {
        let path = ObjectPath::try_from(path.to_owned()).map_err(|_| NoStore::Missing)?;
        Ok(Proxy::new(&self.connection, SERVICE, path, interface).await?)
    }

    /// The item with these attributes, unlocked.
    async fn find_unlocked_item(
        &self,
        application: &str,
        who: &str,
    ) -> Result<Option<OwnedObjectPath>, NoStore> {
        let root = self
            .proxy_for(ROOT, "org.freedesktop.Secret.Service")
            .await?;
        let attributes: HashMap<&str, &str> = [("application", application), ("who", who)].into();
        let found: (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
            root.call("SearchItems", &(attributes,)).await?;
        let (unlocked, locked) = found;
        if let Some(item) = unlocked.into_iter().next() {
            return Ok(Some(item));
        }
        let Some(item) = locked.into_iter().next() else {
            return Ok(None);
        };
        self.unlock_object(&item).await?;
        Ok(Some(item))
    }

    /// Unlocks an item or a collection; a person may be asked.
    async fn unlock_object(&self, object: &OwnedObjectPath) -> Result<(), NoStore> {
        let root = self
            .proxy_for(ROOT, "org.freedesktop.Secret.Service")
            .await?;
        let unlock = || async {
            let answer: (Vec<OwnedObjectPath>, OwnedObjectPath) =
                root.call("Unlock", &(vec![object],)).await?;
            Ok::<_, NoStore>(answer)
        };
        let (unlocked, prompt) = unlock().await?;
        if !unlocked.is_empty() {
            return Ok(());
        }
        let prompt = self
            .proxy_for(&prompt, "org.freedesktop.Secret.Prompt")
            .await?;
        let _: () = prompt.call("Prompt", &("",)).await?;
        let until = Instant::now() + UNLOCK;
        while Instant::now() < until {
            std::thread::sleep(LOOK);
            if self.is_unlocked(object).await {
                return Ok(());
            }
        }
        Err(NoStore::Locked)
    }

    async fn is_unlocked(&self, object: &OwnedObjectPath) -> bool {
        for interface in [
            "org.freedesktop.Secret.Collection",
            "org.freedesktop.Secret.Item",
        ] {
            if let Ok(proxy) = self.proxy_for(object, interface).await
                && let Ok(is_locked) = proxy.get_property::<bool>("Locked").await
            {
                return !is_locked;
            }
        }
        false
    }
}

impl From<zbus::Error> for NoStore {
    fn from(_: zbus::Error) -> Self {
        Self::Locked
    }
}
