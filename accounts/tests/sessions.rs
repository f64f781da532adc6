//! Access tokens: who logged in is in, for as long as was said, and nobody else: the same on both kinds of database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use common::{HOSTILE, PASSWORD, Stopped, dump, open, secret, user};
use highwater_accounts::{Accounts, Action, Credential, Error, Identity, NewToken, Rejection, Role, Session, allows};
use highwater_metadata::{DatabaseUrl, on_each_kind};
use jiff::ToSpan;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

on_each_kind!(
    a_session_lasts_as_long_as_was_said,
    a_session_that_is_renewed_goes_on_until_the_password_is_due,
    what_ends_a_session_ends_what_was_renewed_and_what_is_being_renewed,
    a_new_key_signs_and_the_old_one_is_taken_until_what_it_signed_expires,
    tokens_that_are_signed_in_another_way_are_refused,
    no_byte_of_a_token_can_be_another,
    what_ends_a_session_ends_it_at_once_everywhere,
    any_text_is_a_token_or_refused,
);

async fn rejection(accounts: &Accounts, token: &str) -> Rejection {
    match accounts.authenticate(token).await {
        Err(Error::Unauthenticated(rejection)) => rejection,
        other => panic!("{token:?}: {other:?}"),
    }
}

async fn log_in(accounts: &Accounts) -> String {
    accounts.login("ada", &secret(PASSWORD)).await.unwrap().access_token.reveal().to_owned()
}

fn session(identity: &Identity) -> Session {
    match &identity.credential {
        Credential::Session(session) => *session,
        other => panic!("{other:?}"),
    }
}

fn header(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

async fn keys(url: &DatabaseUrl) -> usize {
    dump(url).await.matches("{\"table\":\"signing_keys\"").count()
}

async fn a_session_lasts_as_long_as_was_said(url: DatabaseUrl) {
    let clock = Stopped::new();
    let accounts = open(&url, &clock).await;
    let ada = user(&accounts, "ada", Role::User).await;
    let token = log_in(&accounts).await;
    let identity = accounts.authenticate(&token).await.unwrap();
    assert_eq!((identity.user.as_str(), identity.role), (ada.id.as_str(), Role::User));
    let session = session(&identity);
    assert!(!session.must_change_password);
    assert_eq!(session.expires_at.as_second() - clock.now().as_second(), 30 * 60);
    clock.pass(30 * 60 - 1);
    accounts.authenticate(&token).await.unwrap();
    clock.pass(1);
    assert_eq!(rejection(&accounts, &token).await, Rejection::Expired);
    accounts.authenticate(&log_in(&accounts).await).await.unwrap();
}

async fn a_session_that_is_renewed_goes_on_until_the_password_is_due(url: DatabaseUrl) {
    let clock = Stopped::new();
    let accounts = open(&url, &clock).await;
    let ada = user(&accounts, "ada", Role::User).await;
    user(&accounts, "eve", Role::Admin).await;
    let first = log_in(&accounts).await;
    let logged_in_at = clock.now();
    let mut token = first.clone();
    let mut lives = Vec::new();
    while let Ok(identity) = accounts.authenticate(&token).await {
        assert_eq!((identity.user.as_str(), identity.role), (ada.id.as_str(), Role::User), "it is nobody else's");
        assert_eq!(session(&identity).logged_in_at, logged_in_at);
        let renewed = accounts.renew(&identity).await.unwrap();
        assert_eq!(renewed.user.id, ada.id);
        accounts.authenticate(&token).await.unwrap();
        token = renewed.access_token.reveal().to_owned();
        lives.push(renewed.expires_in.as_secs() / 60);
        clock.pass(20 * 60);
        assert_eq!(clock.now() < logged_in_at + 30.minutes(), accounts.authenticate(&first).await.is_ok());
    }
    // eight hours, the last of which is not renewed for longer
    assert_eq!(lives.len(), 24);
    assert!(lives[..23].iter().all(|minutes| *minutes == 30) && lives[23] == 20, "{lives:?}");
    assert_eq!(rejection(&accounts, &token).await, Rejection::Expired);
}

async fn what_ends_a_session_ends_what_was_renewed_and_what_is_being_renewed(url: DatabaseUrl) {
    let clock = Stopped::new();
    let (here, there) = (open(&url, &clock).await, open(&url, &clock).await);
    let eve = user(&here, "eve", Role::Admin).await;
    let ada = user(&here, "ada", Role::Admin).await;
    let next = "another horse and battery";
    let mut password = PASSWORD;
    for what in ["logout", "password", "reset", "role", "inactive"] {
        here.set_active(&ada.id, true).await.unwrap();
        let login = here.login("ada", &secret(password)).await.unwrap();
        let shown = here.authenticate(login.access_token.reveal()).await.unwrap();
        let renewed = here.renew(&shown).await.unwrap();
        let renewed = renewed.access_token.reveal();
        there.authenticate(renewed).await.unwrap();
        match what {
            "logout" => there.end_sessions(&ada.id).await.unwrap(),
            "password" => {
                there.change_password(&ada.id, &secret(password), &secret(next)).await.unwrap();
                password = next;
            }
            "reset" => password = there.reset_password(&ada.id).await.unwrap().reveal().to_owned().leak(),
            "role" => _ = there.set_role(&ada.id, Role::User).await.unwrap(),
            _ => _ = there.set_active(&ada.id, false).await.unwrap(),
        }
        for token in [login.access_token.reveal(), renewed] {
            let refused = rejection(&here, token).await;
            assert!(matches!(refused, Rejection::Unknown | Rejection::Inactive), "{what}: {refused}");
        }
        // who was let in a moment before is not let stay
        match here.renew(&shown).await {
            Err(Error::Unauthenticated(Rejection::Unknown)) => {}
            other => panic!("{what}: {other:?}"),
        }
    }
    // a machine's token is no session
    let token = NewToken { name: "shipper".into(), scopes: "admin".parse().unwrap(), expires_at: None };
    let (_, token) = here.create_token(&eve.id, token).await.unwrap();
    let machine = here.authenticate(token.reveal()).await.unwrap();
    assert!(here.renew(&machine).await.is_err());
}

async fn a_new_key_signs_and_the_old_one_is_taken_until_what_it_signed_expires(url: DatabaseUrl) {
    let clock = Stopped::new();
    let accounts = open(&url, &clock).await;
    user(&accounts, "ada", Role::User).await;
    let old = log_in(&accounts).await;
    assert_eq!(header(&old)["kid"], header(&log_in(&accounts).await)["kid"]);
    clock.pass(60);
    accounts.rotate_keys().await.unwrap();
    let new = log_in(&accounts).await;
    assert_ne!(header(&old)["kid"], header(&new)["kid"]);
    for token in [&old, &new] {
        accounts.authenticate(token).await.unwrap();
    }
    clock.pass(29 * 60);
    assert_eq!(rejection(&accounts, &old).await, Rejection::Expired);
    accounts.authenticate(&new).await.unwrap();
    assert_eq!(keys(&url).await, 2);

    // by itself, after a day; and what nothing can need any more is forgotten
    clock.pass(24 * 3600);
    let next = log_in(&accounts).await;
    assert_ne!(header(&next)["kid"], header(&new)["kid"]);
    assert_eq!(keys(&url).await, 2);
    assert_eq!(rejection(&accounts, &old).await, Rejection::Unknown);
    // many that find the key too old at once make one new one
    clock.pass(24 * 3600);
    let logins: Vec<_> = (0..4).map(|_| accounts.clone()).collect();
    let logins = logins.into_iter().map(|accounts| tokio::spawn(async move { log_in(&accounts).await }));
    let mut signed_by = Vec::new();
    for login in logins.collect::<Vec<_>>() {
        signed_by.push(header(&login.await.unwrap())["kid"].clone());
    }
    assert!(signed_by.windows(2).all(|pair| pair[0] == pair[1]), "{signed_by:?}");
}

async fn tokens_that_are_signed_in_another_way_are_refused(url: DatabaseUrl) {
    let clock = Stopped::new();
    let accounts = open(&url, &clock).await;
    user(&accounts, "ada", Role::Admin).await;
    let token = log_in(&accounts).await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let claims = signed.split('.').nth(1).unwrap();
    let key = header(&token)["kid"].clone();
    for algorithm in ["none", "None", "NONE", "", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm, "typ": "JWT", "kid": key }).to_string());
        for signature in ["", signature] {
            let forged = format!("{header}.{claims}.{signature}");
            assert_eq!(rejection(&accounts, &forged).await, Rejection::Malformed, "{algorithm}");
        }
    }
    // with ours, but by no key, by one that is not there, and by one that is text for the database
    for (key, expected) in [
        (Value::Null, Rejection::Malformed),
        (json!("0".repeat(32)), Rejection::Unknown),
        (json!("' OR '1'='1"), Rejection::Unknown),
        (json!("a\0b"), Rejection::Unknown),
    ] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "kid": key }).to_string());
        assert_eq!(rejection(&accounts, &format!("{header}.{claims}.{signature}")).await, expected, "{key}");
    }
    accounts.authenticate(&token).await.unwrap();
}

async fn no_byte_of_a_token_can_be_another(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    user(&accounts, "ada", Role::User).await;
    let token = log_in(&accounts).await;
    let mut runner = TestRunner::new(Config::default());
    let change = (0..token.len(), "[A-Za-z0-9_.=-]");
    for _ in 0..400 {
        let (place, letter) = change.new_tree(&mut runner).unwrap().current();
        let mut changed = token.clone();
        changed.replace_range(place..=place, &letter);
        if changed != token {
            rejection(&accounts, &changed).await;
        }
    }
    for place in 0..token.len() {
        rejection(&accounts, &token[..place]).await;
    }
}

async fn what_ends_a_session_ends_it_at_once_everywhere(url: DatabaseUrl) {
    let clock = Stopped::new();
    let (here, there) = (open(&url, &clock).await, open(&url, &clock).await);
    user(&here, "eve", Role::Admin).await;
    let ada = user(&here, "ada", Role::Admin).await;

    let token = log_in(&here).await;
    there.authenticate(&token).await.unwrap();
    here.end_sessions(&ada.id).await.unwrap();
    assert_eq!(rejection(&there, &token).await, Rejection::Unknown);

    let token = log_in(&here).await;
    here.set_role(&ada.id, Role::User).await.unwrap();
    assert_eq!(rejection(&there, &token).await, Rejection::Unknown);
    let token = log_in(&here).await;
    let identity = there.authenticate(&token).await.unwrap();
    assert!(allows(&identity, Action::Administer).is_err());

    here.set_active(&ada.id, false).await.unwrap();
    assert_eq!(rejection(&there, &token).await, Rejection::Inactive);
    here.set_active(&ada.id, true).await.unwrap();
    assert_eq!(rejection(&there, &token).await, Rejection::Unknown);

    let token = log_in(&here).await;
    here.set_email(&ada.id, Some("ada@example.com")).await.unwrap();
    there.authenticate(&token).await.unwrap();
    here.end_all_sessions().await.unwrap();
    assert_eq!(rejection(&there, &token).await, Rejection::Unknown);
    there.authenticate(&log_in(&here).await).await.unwrap();
}

async fn any_text_is_a_token_or_refused(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    for text in texts(300) {
        rejection(&accounts, &text).await;
    }
    for text in HOSTILE {
        rejection(&accounts, text).await;
    }
    assert_eq!(rejection(&accounts, &"e".repeat(1 << 20)).await, Rejection::Malformed);
}

fn texts(cases: usize) -> Vec<String> {
    let mut runner = TestRunner::new(Config::default());
    let text = prop_oneof!["\\PC{0,80}", "[A-Za-z0-9_.-]{0,200}", "hw_[0-9a-f]{72}", "e30.e30.[a-z]{0,9}"];
    (0..cases).map(|_| text.new_tree(&mut runner).unwrap().current()).collect()
}
