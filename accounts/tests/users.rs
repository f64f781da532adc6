//! Users and passwords: the same on both kinds of database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use common::{HOSTILE, PASSWORD, Stopped, dump, open, secret, user};
use highwater_accounts::{Action, Error, NewUser, Refusal, Role, UserName, allows};
use highwater_metadata::{DatabaseUrl, on_each_kind};

on_each_kind!(
    who_cannot_log_in_is_not_told_why,
    a_name_is_a_users_once,
    what_cannot_be_a_password_is_refused,
    hostile_names_are_nobodys,
    the_first_administrator_is_made_once,
    a_password_is_changed_by_who_knows_it,
    the_last_administrator_stays,
    users_are_listed_by_page,
    a_dated_hash_is_made_anew_at_login,
    an_email_address_is_one_or_absent,
);

fn new(name: &str, password: &str) -> NewUser {
    NewUser { name: name.parse().unwrap(), email: None, password: secret(password) }
}

async fn who_cannot_log_in_is_not_told_why(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    user(&accounts, "ada", Role::User).await;
    let gone = user(&accounts, "bob", Role::User).await;
    accounts.set_active(&gone.id, false).await.unwrap();
    for (name, password) in [
        ("ada", "correct horse batterY"),
        ("ada", ""),
        ("nobody", PASSWORD),
        ("bob", PASSWORD),
        ("ada", &"x".repeat(5000)),
    ] {
        let refused = accounts.login(name, &secret(password)).await.unwrap_err();
        assert!(matches!(refused, Error::Credentials), "{name}: {refused}");
    }
    let login = accounts.login("ADA", &secret(PASSWORD)).await.unwrap();
    assert_eq!(login.user.name.as_str(), "ada");
    assert!(login.user.last_login_at.is_some());
    for text in [format!("{login:?}"), format!("{accounts:?}"), format!("{:?}", new("ada", PASSWORD))] {
        assert!(!text.contains(PASSWORD) && !text.contains(login.access_token.reveal()), "{text}");
    }
    let kept = dump(&url).await;
    assert!(kept.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!kept.contains(PASSWORD) && !kept.contains(login.access_token.reveal()));
}

async fn a_name_is_a_users_once(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let (one, other) = tokio::join!(
        accounts.create_user(new("ada", PASSWORD), Role::User),
        accounts.create_user(new("Ada", PASSWORD), Role::User),
    );
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("{both:?}"),
    };
    assert!(matches!(refused, Error::NameTaken), "{refused}");
    assert_eq!(accounts.users(None, 10).await.unwrap().len(), 1);
}

async fn what_cannot_be_a_password_is_refused(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let name = "a-name-of-twelve";
    for password in ["", "elevenchars", &"x".repeat(129), name, "A-Name-Of-Twelve"] {
        let refused = accounts.create_user(new(name, password), Role::User).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { field: "password", .. }), "{password}: {refused}");
    }
    for (name, password) in [("ada", "x".repeat(12)), ("bob", "é".repeat(128)), ("eve", "a\0b 🦀 and so on".into())]
    {
        accounts.create_user(new(name, &password), Role::User).await.unwrap();
        accounts.login(name, &secret(&password)).await.unwrap();
    }
}

async fn hostile_names_are_nobodys(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let ada = user(&accounts, "ada", Role::Admin).await;
    for text in HOSTILE {
        assert!(text.parse::<UserName>().is_err(), "{text:?}");
        assert!(matches!(accounts.login(text, &secret(PASSWORD)).await, Err(Error::Credentials)));
        assert_eq!(accounts.user(text).await.unwrap(), None);
        assert!(matches!(accounts.set_role(text, Role::User).await, Err(Error::NoSuchUser)));
        assert!(matches!(accounts.set_active(text, false).await, Err(Error::NoSuchUser)));
        assert!(matches!(accounts.reset_password(text).await, Err(Error::NoSuchUser)));
        assert!(matches!(accounts.end_sessions(text).await, Err(Error::NoSuchUser)));
        let (old, new) = (secret(PASSWORD), secret("another long password"));
        assert!(matches!(accounts.change_password(text, &old, &new).await, Err(Error::Credentials)));
    }
    assert_eq!(accounts.users(None, 10).await.unwrap(), [ada]);
}

async fn the_first_administrator_is_made_once(url: DatabaseUrl) {
    let clock = Stopped::new();
    let mut processes = Vec::new();
    for _ in 0..4 {
        let accounts = open(&url, &clock).await;
        processes.push(tokio::spawn(async move { accounts.ensure_admin().await.unwrap() }));
    }
    let mut made = Vec::new();
    for process in processes {
        made.extend(process.await.unwrap());
    }
    let [first] = made.as_slice() else { panic!("{made:?}") };
    assert!(!dump(&url).await.contains(first.password.reveal()));
    assert!(!format!("{first:?}").contains(first.password.reveal()));

    let accounts = open(&url, &clock).await;
    let login = accounts.login("admin", &first.password).await.unwrap();
    let identity = accounts.authenticate(login.access_token.reveal()).await.unwrap();
    assert_eq!(allows(&identity, Action::Administer), Err(Refusal::PasswordMustChange));
    assert_eq!(allows(&identity, Action::ChangePassword), Ok(()));
    let own = secret("my own words, now");
    let login = accounts.change_password(&first.user.id, &first.password, &own).await.unwrap();
    let identity = accounts.authenticate(login.access_token.reveal()).await.unwrap();
    assert_eq!(allows(&identity, Action::Administer), Ok(()));
    assert!(matches!(accounts.login("admin", &first.password).await, Err(Error::Credentials)));
    assert!(accounts.ensure_admin().await.unwrap().is_none());
}

async fn a_password_is_changed_by_who_knows_it(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let ada = user(&accounts, "ada", Role::User).await;
    let before = accounts.login("ada", &secret(PASSWORD)).await.unwrap();
    let (old, own) = (secret(PASSWORD), secret("my own words, now"));
    assert!(matches!(accounts.change_password(&ada.id, &own, &old).await, Err(Error::Credentials)));
    for refused in [PASSWORD, "short", "ada"] {
        let refused = accounts.change_password(&ada.id, &old, &secret(refused)).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { field: "password", .. }), "{refused}");
    }
    let third = secret("words of a third kind");
    let (one, other) =
        tokio::join!(accounts.change_password(&ada.id, &old, &own), accounts.change_password(&ada.id, &old, &third));
    assert!(one.is_ok() != other.is_ok(), "two changes of one password at once");
    assert!(accounts.authenticate(before.access_token.reveal()).await.is_err());
    assert!(matches!(accounts.login("ada", &old).await, Err(Error::Credentials)));

    let reset = accounts.reset_password(&ada.id).await.unwrap();
    for gone in [&own, &third] {
        assert!(matches!(accounts.login("ada", gone).await, Err(Error::Credentials)));
    }
    assert!(accounts.login("ada", &reset).await.unwrap().user.must_change_password);
}

async fn the_last_administrator_stays(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let (ada, bob) = (user(&accounts, "ada", Role::Admin).await, user(&accounts, "bob", Role::Admin).await);
    let (one, other) = tokio::join!(accounts.set_role(&ada.id, Role::User), accounts.set_active(&bob.id, false));
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("{both:?}"),
    };
    assert!(matches!(refused, Error::LastAdmin), "{refused}");
    let left: Vec<_> = accounts.users(None, 10).await.unwrap();
    assert_eq!(left.iter().filter(|user| user.role == Role::Admin && user.active).count(), 1);
    let changed = accounts.set_email(&left[0].id, Some("ada@example.com")).await.unwrap();
    assert_eq!(accounts.user(&changed.id).await.unwrap(), Some(changed));
}

async fn users_are_listed_by_page(url: DatabaseUrl) {
    let clock = Stopped::new();
    let accounts = open(&url, &clock).await;
    for n in 0..7 {
        user(&accounts, &format!("user{n}"), Role::User).await;
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = accounts.users(after.as_ref(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        found.extend(page.into_iter().map(|user| user.name.to_string()));
    }
    assert_eq!(found, (0..7).map(|n| format!("user{n}")).collect::<Vec<_>>());
    let named = accounts.user_named(&"User3".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((named.created_at, named.last_login_at), (clock.now(), None));
}

async fn a_dated_hash_is_made_anew_at_login(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let ada = user(&accounts, "ada", Role::User).await;
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    let hash = weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let database = highwater_metadata::Database::open(&url).await.unwrap();
    sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2")
        .bind(&hash)
        .bind(&ada.id)
        .execute(database.pool())
        .await
        .unwrap();
    assert!(matches!(accounts.login("ada", &secret("another password")).await, Err(Error::Credentials)));
    assert!(dump(&url).await.contains(&hash));
    accounts.login("ada", &secret(PASSWORD)).await.unwrap();
    assert!(!dump(&url).await.contains(&hash));
    accounts.login("ada", &secret(PASSWORD)).await.unwrap();
}

async fn an_email_address_is_one_or_absent(url: DatabaseUrl) {
    let accounts = open(&url, &Stopped::new()).await;
    let ada = user(&accounts, "ada", Role::User).await;
    for email in ["", "ada", "@", "ada@", "@example.com", "a@b@c", "a b@c", "a\0@b", &format!("a@{}", "b".repeat(260))]
    {
        let refused = accounts.set_email(&ada.id, Some(email)).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { field: "email", .. }), "{email}: {refused}");
    }
    for email in [Some("ada+o'hara@example.com"), None] {
        assert_eq!(accounts.set_email(&ada.id, email).await.unwrap().email.as_deref(), email);
    }
}
