//! API tokens: shown once, good for what was said, gone when revoked: the same on both kinds of database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use common::{HOSTILE, Stopped, dump, open, user};
use highwater_accounts::{Action, ApiToken, Credential, Error, NewToken, Refusal, Rejection, Role, Scope, allows};
use highwater_metadata::{DatabaseUrl, on_each_kind};
use jiff::{SignedDuration, Timestamp};

on_each_kind!(
    a_token_is_taken_until_it_is_revoked,
    a_token_expires,
    when_a_token_was_used_is_noted_once_a_minute,
    a_token_is_its_users,
    tokens_of_one_user_are_bounded,
    what_cannot_be_a_token_is_refused,
);

fn new(scopes: &str, expires_at: Option<Timestamp>) -> NewToken {
    NewToken { name: "shipper".into(), scopes: scopes.parse().unwrap(), expires_at }
}

async fn a_token_is_taken_until_it_is_revoked(url: DatabaseUrl) {
    let clock = Stopped::new();
    let (here, there) = (open(&url, &clock).await, open(&url, &clock).await);
    let ada = user(&here, "ada", Role::User).await;
    let (token, secret) = here.create_token(&ada.id, new("ingest", None)).await.unwrap();
    let (other, other_secret) = here.create_token(&ada.id, new("read", None)).await.unwrap();
    let identity = there.authenticate(secret.reveal()).await.unwrap();
    assert_eq!(identity.user, ada.id);
    assert_eq!(identity.credential, Credential::Token { id: token.id.clone(), scopes: token.scopes.clone() });
    assert_eq!(allows(&identity, Action::Ingest), Ok(()));
    assert_eq!(allows(&identity, Action::Read), Err(Refusal::Scope(Scope::Read)));

    let kept = dump(&url).await;
    assert!(!kept.contains(secret.reveal()) && !kept.contains(&secret.reveal()[3..67]));
    assert!(!format!("{secret:?} {token:?}").contains(secret.reveal()));

    assert!(here.revoke_token(&token.id).await.unwrap());
    assert!(!here.revoke_token(&token.id).await.unwrap());
    let refused = there.authenticate(secret.reveal()).await.unwrap_err();
    assert!(matches!(refused, Error::Unauthenticated(Rejection::Unknown)), "{refused}");
    there.authenticate(other_secret.reveal()).await.unwrap();
    assert_eq!(ids(&here.tokens(&ada.id).await.unwrap()), [other.id.as_str()]);
    assert_eq!(here.token(&token.id).await.unwrap(), None);
}

fn ids(tokens: &[ApiToken]) -> Vec<&str> {
    tokens.iter().map(|token| token.id.as_str()).collect()
}

async fn a_token_expires(url: DatabaseUrl) {
    let clock = Stopped::new();
    let accounts = open(&url, &clock).await;
    let ada = user(&accounts, "ada", Role::User).await;
    let in_an_hour = clock.now() + SignedDuration::from_hours(1);
    let (_, secret) = accounts.create_token(&ada.id, new("read", Some(in_an_hour))).await.unwrap();
    clock.pass(3599);
    accounts.authenticate(secret.reveal()).await.unwrap();
    clock.pass(1);
    let refused = accounts.authenticate(secret.reveal()).await.unwrap_err();
    assert!(matches!(refused, Error::Unauthenticated(Rejection::Expired)), "{refused}");
    let refused = accounts.create_token(&ada.id, new("read", Some(in_an_hour))).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { field: "expires_at", .. }), "{refused}");
}

async fn when_a_token_was_used_is_noted_once_a_minute(url: DatabaseUrl) {
    let clock = Stopped::new();
    let accounts = open(&url, &clock).await;
    let ada = user(&accounts, "ada", Role::User).await;
    let (token, secret) = accounts.create_token(&ada.id, new("read", None)).await.unwrap();
    assert_eq!(token.last_used_at, None);
    let began = clock.now();
    let mut noted = Vec::new();
    for _ in 0..13 {
        accounts.authenticate(secret.reveal()).await.unwrap();
        let at = accounts.token(&token.id).await.unwrap().unwrap().last_used_at.unwrap();
        noted.push(at.as_second() - began.as_second());
        clock.pass(10);
    }
    assert_eq!(noted, [0, 0, 0, 0, 0, 0, 60, 60, 60, 60, 60, 60, 120]);
}

async fn a_token_is_its_users(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    user(&accounts, "eve", Role::Admin).await;
    let ada = user(&accounts, "ada", Role::Admin).await;
    let (_, secret) = accounts.create_token(&ada.id, new("admin", None)).await.unwrap();
    let identity = accounts.authenticate(secret.reveal()).await.unwrap();
    assert_eq!(allows(&identity, Action::Administer), Ok(()));

    accounts.set_role(&ada.id, Role::User).await.unwrap();
    let identity = accounts.authenticate(secret.reveal()).await.unwrap();
    assert_eq!(allows(&identity, Action::Administer), Err(Refusal::Role));
    let refused = accounts.create_token(&ada.id, new("admin", None)).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { field: "scopes", .. }), "{refused}");

    accounts.set_active(&ada.id, false).await.unwrap();
    let refused = accounts.authenticate(secret.reveal()).await.unwrap_err();
    assert!(matches!(refused, Error::Unauthenticated(Rejection::Inactive)), "{refused}");
    assert!(matches!(accounts.create_token(&ada.id, new("read", None)).await, Err(Error::NoSuchUser)));
    accounts.set_active(&ada.id, true).await.unwrap();
    accounts.authenticate(secret.reveal()).await.unwrap();
}

async fn tokens_of_one_user_are_bounded(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let (ada, bob) = (user(&accounts, "ada", Role::User).await, user(&accounts, "bob", Role::User).await);
    let making: Vec<_> = (0..8)
        .map(|_| {
            let (accounts, owner) = (accounts.clone(), ada.id.clone());
            tokio::spawn(async move { accounts.create_token(&owner, new("read", None)).await })
        })
        .collect();
    let mut made = 0;
    for token in making {
        match token.await.unwrap() {
            Ok(_) => made += 1,
            Err(refused) => assert!(matches!(refused, Error::TooManyTokens(5)), "{refused}"),
        }
    }
    assert_eq!(made, 5);
    let first = &accounts.tokens(&ada.id).await.unwrap()[0];
    accounts.create_token(&bob.id, new("read", None)).await.unwrap();
    accounts.revoke_token(&first.id).await.unwrap();
    accounts.create_token(&ada.id, new("read", None)).await.unwrap();
}

async fn what_cannot_be_a_token_is_refused(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let ada = user(&accounts, "ada", Role::User).await;
    for name in ["", "  ", "a\0b", "two\nlines", &"x".repeat(101)] {
        let token = NewToken { name: name.into(), ..new("read", None) };
        let refused = accounts.create_token(&ada.id, token).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { field: "name", .. }), "{refused}");
    }
    let refused = accounts.create_token(&ada.id, new("", None)).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { field: "scopes", .. }), "{refused}");
    for text in HOSTILE {
        assert!(matches!(accounts.create_token(text, new("read", None)).await, Err(Error::NoSuchUser)));
        assert_eq!(accounts.tokens(text).await.unwrap(), []);
        assert_eq!(accounts.token(text).await.unwrap(), None);
        assert!(!accounts.revoke_token(text).await.unwrap());
    }
    let named = NewToken { name: "'; DROP TABLE api_tokens; --".into(), ..new("read", None) };
    let (token, _) = accounts.create_token(&ada.id, named.clone()).await.unwrap();
    assert_eq!(accounts.token(&token.id).await.unwrap().unwrap().name, named.name);
}
