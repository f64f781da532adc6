//! Access tokens: JWTs that show who logged in.

use highwater_metadata::time;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::{
    accounts::{Accounts, micros},
    error::{Error, Rejection},
    identity::{Credential, Identity},
    secret::Secret,
    user::Record,
};

const ISSUER: &str = "highwater";

/// Ours have a few hundred.
const MAX_BYTES: usize = 2048;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The user's id.
    sub: String,
    /// Seconds since 1970, as RFC 7519 has them.
    iat: i64,
    exp: i64,
    /// The user's generation: once theirs is another one, the token is not taken.
    generation: i64,
}

impl Accounts {
    pub(crate) async fn access_token(&self, record: &Record) -> Result<Secret, Error> {
        let key = self.signing_key().await?;
        let header = Header { kid: Some(key.id), ..Header::new(Algorithm::HS256) };
        let now = self.now();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: record.user.id.clone(),
            iat: seconds(now),
            exp: seconds(now.saturating_add(micros(self.settings.session))),
            generation: record.generation,
        };
        let key = EncodingKey::from_secret(key.secret.as_bytes());
        encode(&header, &claims, &key).map(Secret::from).map_err(Error::Sign)
    }

    pub(crate) async fn verify_access_token(&self, token: &str) -> Result<Identity, Error> {
        if token.len() > MAX_BYTES {
            return Err(Rejection::Malformed.into());
        }
        // A header that asks for another algorithm, `none` among them, is none of ours.
        let header = decode_header(token).map_err(|_| Rejection::Malformed)?;
        let key_id = header.kid.filter(|_| header.alg == Algorithm::HS256).ok_or(Rejection::Malformed)?;
        let key = self.verifying_key(&key_id).await?.ok_or(Rejection::Unknown)?;
        let key = DecodingKey::from_secret(key.secret.as_bytes());
        let claims = decode::<Claims>(token, &key, &validation()).map_err(|_| Rejection::Malformed)?.claims;
        if claims.exp <= seconds(self.now()) {
            return Err(Rejection::Expired.into());
        }
        let record = self.record(&claims.sub).await?.ok_or(Rejection::Unknown)?;
        if !record.user.active {
            return Err(Rejection::Inactive.into());
        }
        if record.generation != claims.generation {
            return Err(Rejection::Unknown.into());
        }
        Ok(Identity {
            user: record.user.id,
            name: record.user.name,
            role: record.user.role,
            credential: Credential::Session {
                expires_at: time(claims.exp.saturating_mul(1_000_000))?,
                must_change_password: record.user.must_change_password,
            },
        })
    }
}

/// All but the time, which is by the database's clock.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["iss", "sub", "exp"]);
    validation.validate_exp = false;
    validation
}

fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000)
}
