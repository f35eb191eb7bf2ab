//! Connecting sqlx to the server through a Unix socket of ours, for what sqlx has no option for: TCP keepalive, a TLS
//! server name that is not the host's, and the choice of an address. sqlx speaks to a Unix socket that exists for the
//! moment of its connecting; the bytes are passed on to the server as they are, encrypted or not.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpStream, UnixListener, UnixStream};

/// How long sqlx may take to connect to a socket that is already listening.
const ACCEPT_LIMIT: Duration = Duration::from_secs(5);

/// Takes one connection. When it is dropped, the socket has no name any more, and bytes are still passed on.
pub struct Relay {
    directory: PathBuf,
}

impl Relay {
    /// Waits for sqlx to connect to the socket in [`Self::directory`], and passes its bytes on to the server.
    pub fn to(server: TcpStream, port: u16, temporary: &Path) -> io::Result<Self> {
        server.set_nodelay(true)?;
        let relay = Self { directory: private_directory(temporary)? };
        let listener = UnixListener::bind(relay.directory.join(format!(".s.PGSQL.{port}")))?;
        tokio::spawn(async move {
            if let Ok(Ok(client)) = tokio::time::timeout(ACCEPT_LIMIT, accept(&listener)).await {
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
        // On Linux there is no directory. Elsewhere, one that cannot be removed stays empty among the temporary files.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Linux has names for sockets that are no files, so that no writable directory is needed. They begin with a NUL.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "on other systems it can fail")]
fn private_directory(_: &Path) -> io::Result<PathBuf> {
    Ok(PathBuf::from(format!("\0auth-postgres-{}", crate::id::secret_handle())))
}

/// Anyone on the machine can connect to such a name, hence only this process is let in.
#[cfg(target_os = "linux")]
async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    let ours = i32::try_from(std::process::id()).ok();
    loop {
        let (client, _) = listener.accept().await?;
        if client.peer_cred()?.pid() == ours {
            return Ok(client);
        }
    }
}

/// A new directory that only this user may enter.
#[cfg(not(target_os = "linux"))]
fn private_directory(temporary: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    /// A system's limit for the path of a Unix socket is 104 bytes or a little more.
    const MAX_BYTES: usize = 85;
    let name = format!("auth-postgres-{}", crate::id::secret_handle());
    let mut parent = temporary;
    if parent.join(&name).as_os_str().len() > MAX_BYTES {
        parent = Path::new("/tmp");
    }
    let directory = parent.join(name);
    std::fs::DirBuilder::new().mode(0o700).create(&directory).map_err(|error| {
        let parent = parent.display();
        io::Error::new(error.kind(), format!("no directory for a Unix socket can be made in {parent}: {error}"))
    })?;
    Ok(directory)
}

#[cfg(not(target_os = "linux"))]
async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    Ok(listener.accept().await?.0)
}

/// Passes bytes both ways until either side closes its connection, then closes the other.
async fn pass(mut client: UnixStream, mut server: TcpStream) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}
