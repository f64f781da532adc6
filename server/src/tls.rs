//! TLS: a certificate and its key, read again when their files change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Where the certificate and its key are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a certificate or its key is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of the kind.
    #[error("cannot read {what} from {path}: {cause}")]
    File {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {0}")]
    Empty(PathBuf),
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used: {0}")]
    Unfit(#[from] rustls::Error),
}

/// The certificate that is in force.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    files: Tls,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificates {
    pub(crate) fn load(files: &Tls) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let current = Arc::new(Current(ArcSwap::from_pointee(read(files, &provider)?)));
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Certificates { files: files.clone(), provider, current, config: Arc::new(config) })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }

    /// What is in the files from now on. Connections that there are already go on as they are.
    fn reload(&self) -> Result<(), TlsError> {
        self.current.0.store(Arc::new(read(&self.files, &self.provider)?));
        Ok(())
    }
}

/// Reads the files again whenever they change, for ever.
pub(crate) async fn watch(certificates: Option<&Certificates>) {
    let Some(certificates) = certificates else { return std::future::pending().await };
    let Tls { certificate, key } = &certificates.files;
    let looked = || [changed(certificate), changed(key)];
    let mut seen = looked();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = looked();
        if now != seen {
            match certificates.reload() {
                Ok(()) => {
                    seen = now;
                    tracing::info!("the certificate has changed");
                }
                // the other file may be yet to come: tried again
                Err(error) => tracing::warn!(%error, "the changed certificate is not used"),
            }
        }
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn read(files: &Tls, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let Tls { certificate, key } = files;
    let unread = |what, path: &Path| {
        let path = path.to_owned();
        move |cause| TlsError::File { what, path, cause }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(unread("a certificate", certificate))?;
    if chain.is_empty() {
        return Err(TlsError::Empty(certificate.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(unread("a private key", key))?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &Tls, name: &str) -> rcgen::CertifiedKey<rcgen::KeyPair> {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made
    }

    #[test]
    fn a_changed_certificate_comes_into_force_and_a_broken_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = Tls { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        assert!(matches!(Certificates::load(&files), Err(TlsError::File { what: "a certificate", .. })));
        let first = write(&files, "first.example");
        let certificates = Certificates::load(&files).unwrap();
        let in_force = || certificates.current.0.load().cert[0].clone();
        assert_eq!(in_force(), *first.cert.der());

        let second = write(&files, "second.example");
        certificates.reload().unwrap();
        assert_eq!(in_force(), *second.cert.der());

        std::fs::write(&files.key, first.signing_key.serialize_pem()).unwrap();
        assert!(matches!(certificates.reload(), Err(TlsError::Unfit(_))), "a key of another certificate");
        std::fs::write(&files.certificate, "nothing").unwrap();
        assert!(certificates.reload().is_err());
        assert_eq!(in_force(), *second.cert.der());
    }
}
