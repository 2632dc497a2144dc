//! Signatures that outlive the server: JSON Web Signatures (RFC 7515) with Ed25519 (RFC 8037), by one key that all servers of a
//! database share. Its public half is a JWK set (RFC 7517) at `/.well-known/jwks.json`; with that, anybody can check offline.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::auth::api_key;
use crate::{
    clock::Clock,
    store::{Store, StoreError},
};

const SECRET: &str = "receipts";
const ALGORITHM: &str = "EdDSA";

/// Signs documents.
pub struct Signer {
    key: Ed25519KeyPair,
    public: JsonWebKey,
}

/// Public keys that signatures can be checked with.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKeySet {
    /// The keys.
    pub keys: Vec<JsonWebKey>,
}

/// A public key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    #[serde(default)]
    pub crv: String,
    /// The key, base64url.
    #[serde(default)]
    pub x: String,
    /// Its thumbprint (RFC 7638), which signatures name.
    #[serde(default)]
    pub kid: String,
    /// `EdDSA`.
    #[serde(default)]
    pub alg: String,
    /// `sig`.
    #[serde(default, rename = "use")]
    pub purpose: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// Why a signed document is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// It is no signature in the compact form.
    #[error("that is no JSON Web Signature in its compact form")]
    Malformed,
    /// It says that it is something else.
    #[error("that is a signature of another kind of document")]
    OtherKind,
    /// None of the keys is the one that it names.
    #[error("it names a key that is not among those given")]
    UnknownKey,
    /// The signature is not that of the key over this text.
    #[error("the signature does not hold: the document was changed, or signed by somebody else")]
    Invalid,
}

impl Signer {
    /// The signer of this database's key, which the first server makes.
    pub async fn shared(store: &dyn Store, clock: &Clock) -> Result<Self, StoreError> {
        let candidate: [u8; 32] = api_key::random();
        let seed = store.server_secret(SECRET, &candidate, clock.now()).await?;
        let key = Ed25519KeyPair::from_seed_unchecked(&seed);
        let key = key.map_err(|error| StoreError::Damaged { what: "server secret", reason: error.to_string() })?;
        let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
        let thumbprint = Sha256::digest(json!({ "crv": "Ed25519", "kty": "OKP", "x": x }).to_string());
        let public = JsonWebKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x,
            kid: URL_SAFE_NO_PAD.encode(thumbprint),
            alg: ALGORITHM.to_owned(),
            purpose: "sig".to_owned(),
        };
        Ok(Self { key, public })
    }

    /// The public keys.
    pub fn keys(&self) -> JsonWebKeySet {
        JsonWebKeySet { keys: vec![self.public.clone()] }
    }

    /// A document, signed, in the compact form. The same document always gives the same text.
    pub fn sign(&self, kind: &str, document: &impl Serialize) -> String {
        let header = Header { alg: ALGORITHM.to_owned(), kid: self.public.kid.clone(), typ: kind.to_owned() };
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let header = encode(serde_json::to_string(&header).expect("a header is JSON"));
        let document = encode(serde_json::to_string(document).expect("documents have string keys and finite numbers"));
        let signed = format!("{header}.{document}");
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The document of a signature that holds.
pub fn verify<T: DeserializeOwned>(kind: &str, signed: &str, keys: &JsonWebKeySet) -> Result<T, Forged> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Forged::Malformed);
    let (text, signature) = signed.trim().rsplit_once('.').ok_or(Forged::Malformed)?;
    let (header, document) = text.split_once('.').ok_or(Forged::Malformed)?;
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Forged::Malformed)?;
    if header.typ != kind || header.alg != ALGORITHM {
        return Err(Forged::OtherKind);
    }
    let usable = |key: &&JsonWebKey| key.kid == header.kid && key.kty == "OKP" && key.crv == "Ed25519";
    let key = keys.keys.iter().find(usable).ok_or(Forged::UnknownKey)?;
    let public = URL_SAFE_NO_PAD.decode(&key.x).map_err(|_| Forged::UnknownKey)?;
    UnparsedPublicKey::new(&ED25519, public)
        .verify(text.as_bytes(), &decode(signature)?)
        .map_err(|_| Forged::Invalid)?;
    serde_json::from_slice(&decode(document)?).map_err(|_| Forged::Malformed)
}
