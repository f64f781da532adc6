//! Access tokens: JWTs that show who logged in.

use std::time::Duration;

use highwater_metadata::time;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::{
    accounts::{Accounts, micros},
    error::{Error, Rejection},
    identity::{Credential, Identity, Session},
    login::Login,
    secret::Secret,
    user::Record,
};

const ISSUER: &str = "highwater";

/// In microseconds.
const SECOND: i64 = 1_000_000;

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
    /// When the password was given.
    auth_time: i64,
    /// The user's generation: once theirs is another one, the token is not taken.
    generation: i64,
}

impl Accounts {
    /// Lets in whose record this is. A session is never taken for longer than the settings say, however often it is
    /// renewed.
    pub(crate) async fn session(&self, record: Record, logged_in_at: i64) -> Result<Login, Error> {
        let now = self.now();
        let end = logged_in_at.saturating_add(micros(self.settings.longest_session));
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: record.user.id.clone(),
            iat: seconds(now),
            exp: seconds(now.saturating_add(micros(self.settings.session)).min(end)),
            auth_time: seconds(logged_in_at),
            generation: record.generation,
        };
        let expires_in = Duration::from_secs(u64::try_from(claims.exp - claims.iat).unwrap_or_default());
        let key = self.signing_key().await?;
        let header = Header { kid: Some(key.id), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(key.secret.as_bytes());
        let access_token = encode(&header, &claims, &key).map(Secret::from).map_err(Error::Sign)?;
        Ok(Login { user: record.user, access_token, expires_in })
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
            credential: Credential::Session(Session {
                expires_at: time(claims.exp.saturating_mul(SECOND))?,
                logged_in_at: time(claims.auth_time.saturating_mul(SECOND))?,
                must_change_password: record.user.must_change_password,
                generation: claims.generation,
            }),
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
    micros.div_euclid(SECOND)
}
