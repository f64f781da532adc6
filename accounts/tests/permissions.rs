//! Who may do what, by hand and as properties.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use highwater_accounts::{Action, Credential, Identity, Refusal, Role, Scope, Scopes, Session, allows};
use jiff::Timestamp;
use proptest::{collection::btree_set, prelude::*, sample::select};

const ACTIONS: [Action<'_>; 11] = [
    Action::Ingest,
    Action::Read,
    Action::Create,
    Action::Change { owner: "ada" },
    Action::Change { owner: "bob" },
    Action::ManageAccount { user: "ada" },
    Action::ManageAccount { user: "bob" },
    Action::Administer,
    Action::SeeSelf,
    Action::ChangePassword,
    Action::KeepSession,
];

fn ada(role: Role, credential: Credential) -> Identity {
    Identity { user: "ada".into(), name: "ada".parse().unwrap(), role, credential }
}

fn session(must_change_password: bool) -> Credential {
    let never = Timestamp::UNIX_EPOCH;
    Credential::Session(Session { expires_at: never, logged_in_at: never, must_change_password, generation: 0 })
}

fn token(scopes: Scopes) -> Credential {
    Credential::Token { id: "1".into(), scopes }
}

/// `y` where the action of this place is allowed.
fn answers(identity: &Identity) -> String {
    ACTIONS.iter().map(|action| if allows(identity, *action).is_ok() { 'y' } else { '.' }).collect()
}

#[test]
fn the_table() {
    let by_token = |role, scopes: &str| answers(&ada(role, token(scopes.parse().unwrap())));
    //                                                     IRC aA mM A S P K
    assert_eq!(answers(&ada(Role::User, session(false))), "yyyy.y..yyy");
    assert_eq!(answers(&ada(Role::Admin, session(false))), "yyyyyyyyyyy");
    assert_eq!(answers(&ada(Role::Admin, session(true))), "........yyy");
    assert_eq!(by_token(Role::User, "ingest"), "y.......y..");
    assert_eq!(by_token(Role::User, "read"), ".y......y..");
    assert_eq!(by_token(Role::User, "write"), ".yyy....y..");
    assert_eq!(by_token(Role::User, "ingest write"), "yyyy....y..");
    assert_eq!(by_token(Role::User, "admin"), "yyyy.y..y..");
    assert_eq!(by_token(Role::Admin, "write"), ".yyy....y..");
    assert_eq!(by_token(Role::Admin, "admin"), "yyyyyyyyy..");
}

#[test]
fn a_refusal_says_what_is_missing() {
    let user = ada(Role::User, session(false));
    assert_eq!(allows(&user, Action::Administer), Err(Refusal::Role));
    assert_eq!(allows(&user, Action::Change { owner: "bob" }), Err(Refusal::Owner));
    let machine = ada(Role::Admin, token("write".parse().unwrap()));
    let refused = allows(&machine, Action::Change { owner: "bob" }).unwrap_err();
    assert_eq!(refused.to_string(), "the API token lacks the scope `admin`");
}

fn scopes() -> impl Strategy<Value = Scopes> {
    let each = select(vec![Scope::Ingest, Scope::Read, Scope::Write, Scope::Admin]);
    btree_set(each, 0..=4).prop_map(|scopes| scopes.into_iter().collect())
}

proptest! {
    #[test]
    fn scopes_come_back_from_text(scopes in scopes()) {
        prop_assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
    }

    #[test]
    fn a_token_may_no_more_than_its_user(
        role in select(vec![Role::User, Role::Admin]),
        scopes in scopes(),
        more in scopes(),
        action in select(ACTIONS.to_vec()),
    ) {
        let by_token = |scopes: &Scopes| allows(&ada(role, token(scopes.clone())), action).is_ok();
        let both: Scopes = scopes.iter().chain(more.iter()).collect();
        if by_token(&scopes) {
            prop_assert!(allows(&ada(role, session(false)), action).is_ok());
            prop_assert!(allows(&ada(Role::Admin, token(scopes.clone())), action).is_ok());
            prop_assert!(by_token(&both), "more scopes allow no less");
        }
    }
}
