//! An Orthanc for one test: free ports, its own configuration, a temporary folder.

use serde_json::{Value, json};
use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A running Orthanc with DICOMweb.
pub(crate) struct Orthanc {
    folder: tempfile::TempDir,
    pub(crate) http: u16,
    pub(crate) dicom: u16,
    /// Port to which it sends objects by C-MOVE, AE title LABRUM.
    pub(crate) ours: u16,
    more: Value,
    user: Option<(&'static str, &'static str)>,
    child: Option<Child>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn plugin() -> PathBuf {
    let known = [
        "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
        "/usr/lib/orthanc/libOrthancDicomWeb.so",
    ];
    let found = known.iter().map(PathBuf::from).find(|p| p.exists());
    found.expect("the DICOMweb plugin is not installed: apt-get install orthanc orthanc-dicomweb")
}

impl Orthanc {
    pub(crate) fn start() -> Self {
        Self::with(json!({}), None)
    }

    /// With additional settings and, if given, a user name and password.
    pub(crate) fn with(more: Value, user: Option<(&'static str, &'static str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (http, dicom, ours) = (free_port(), free_port(), free_port());
        let mut orthanc = Self {
            folder,
            http,
            dicom,
            ours,
            more,
            user,
            child: None,
        };
        orthanc.restart();
        orthanc
    }

    pub(crate) fn restart(&mut self) {
        let storage = self.folder.path().join("storage");
        let users = self
            .user
            .map_or(json!({}), |(name, password)| json!({ name: password }));
        let mut config = json!({
            "Name": "LabrumTest", "StorageDirectory": storage, "IndexDirectory": storage,
            "HttpPort": self.http, "DicomPort": self.dicom, "RemoteAccessAllowed": true, "DicomAet": "ORTHANC",
            "DicomAlwaysAllowEcho": true, "DicomAlwaysAllowFind": true, "DicomAlwaysAllowStore": true,
            "DicomAlwaysAllowGet": true, "DicomAlwaysAllowMove": true, "DicomCheckCalledAet": false,
            "UnknownSopClassAccepted": true,
            "DicomModalities": { "labrum": ["LABRUM", "127.0.0.1", self.ours] },
            "AuthenticationEnabled": self.user.is_some(), "RegisteredUsers": users,
            "Plugins": [plugin()], "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
        });
        let more = self.more.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(more);
        let path = self.folder.path().join("orthanc.json");
        std::fs::write(&path, serde_json::to_vec_pretty(&config).unwrap()).unwrap();
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let program = ["/usr/sbin/Orthanc", "/usr/bin/Orthanc"]
            .into_iter()
            .find(|p| std::path::Path::new(p).exists());
        let mut command =
            Command::new(program.expect("Orthanc is not installed: apt-get install orthanc"));
        command
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(command.spawn().unwrap());
        super::until("Orthanc answers", Duration::from_secs(60), || {
            let child = self.child.as_mut().unwrap();
            assert!(
                child.try_wait().unwrap().is_none(),
                "Orthanc ended: {}",
                self.log()
            );
            self.ask("system").is_some()
        });
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its DICOMweb address.
    pub(crate) fn web(&self) -> String {
        format!("http://127.0.0.1:{}/dicom-web", self.http)
    }

    /// Its DIMSE address.
    #[allow(dead_code)] // not in the window's tests
    pub(crate) fn node(&self) -> String {
        format!("dicom://ORTHANC@127.0.0.1:{}", self.dicom)
    }

    fn ask(&self, path: &str) -> Option<Value> {
        use base64::Engine;
        let mut request = ureq::get(format!("http://127.0.0.1:{}/{path}", self.http));
        if let Some((user, password)) = self.user {
            let pair =
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            request = request.header("authorization", format!("Basic {pair}"));
        }
        let text = request.call().ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Stores a file in it.
    #[allow(dead_code)] // only in the window's tests
    pub(crate) fn keep(&self, file: &std::path::Path) {
        let url = format!("http://127.0.0.1:{}/instances", self.http);
        ureq::post(url)
            .send(&std::fs::read(file).unwrap()[..])
            .unwrap();
    }

    /// Number of objects in it.
    pub(crate) fn objects(&self) -> usize {
        self.ask("statistics")
            .map_or(0, |s| s["CountInstances"].as_u64().unwrap() as usize)
    }

    /// How often a new object has arrived.
    pub(crate) fn arrivals(&self) -> usize {
        let changes = self.ask("changes?limit=100000").unwrap();
        changes["Changes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["ChangeType"] == "NewInstance")
            .count()
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        self.kill();
    }
}
