//! A way to the server through a socket of ours, for what sqlx has no means for: TCP keepalive, and a TLS server name
//! that is not the host's. sqlx speaks to a Unix socket that exists for the moment of its connecting; the bytes are
//! passed on to the server as they are, encrypted or not.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpStream, UnixListener, UnixStream};

/// How long sqlx may take to come to a socket that listens already.
const ACCEPT_LIMIT: Duration = Duration::from_secs(5);

/// A system's limit for the path of a Unix socket is 104 bytes or a little more.
const MAX_DIRECTORY_BYTES: usize = 85;

/// Takes one connection; removes its directory when dropped, and goes on passing bytes.
pub struct Relay {
    directory: PathBuf,
}

impl Relay {
    /// Connects to the server, and waits for sqlx in [`Self::directory`].
    pub async fn to(host: &str, port: u16, keeps_alive: bool) -> io::Result<Self> {
        let server = TcpStream::connect((host, port)).await?;
        server.set_nodelay(true)?;
        socket2::SockRef::from(&server).set_keepalive(keeps_alive)?;
        let relay = Self { directory: private_directory()? };
        let listener = UnixListener::bind(relay.directory.join(format!(".s.PGSQL.{port}")))?;
        tokio::spawn(async move {
            if let Ok(Ok((client, _))) = tokio::time::timeout(ACCEPT_LIMIT, listener.accept()).await {
                drop(listener);
                pass(client, server).await;
            }
        });
        Ok(relay)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // What cannot be removed is an empty directory among the temporary files.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// When either side ends, both do.
async fn pass(mut client: UnixStream, mut server: TcpStream) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}

/// A new directory that only this user may enter.
fn private_directory() -> io::Result<PathBuf> {
    let name = format!("auth-postgres-{}", crate::id::secret_handle());
    let mut directory = std::env::temp_dir().join(&name);
    if directory.as_os_str().len() > MAX_DIRECTORY_BYTES {
        directory = Path::new("/tmp").join(name);
    }
    DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}
