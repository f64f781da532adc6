//! The OpenAPI 3.1 document: what the operations declare, with the schemas of their types.
//!
//! OpenAPI 3.1 takes JSON Schema 2020-12 as it is, which is what views tell their schemas in, too: one library writes both.

use std::sync::LazyLock;

use schemars::{
    Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value as Json, json};

use crate::{
    error::ProblemDocument,
    identity::Access,
    operation::{Answer, Body, In, Kind, Operation, Param, SchemaOf, of},
    routes::OPERATIONS,
};

/// The document, as text.
pub(crate) static DOCUMENT: LazyLock<String> = LazyLock::new(|| document(&OPERATIONS).to_string());

fn document(operations: &[Operation]) -> Json {
    // what is sent and what is taken are two views of a type, but no type of ours is both
    let mut sent = generator(SchemaSettings::draft2020_12().for_serialize());
    let mut taken = generator(SchemaSettings::draft2020_12().for_deserialize());
    let problem = of::<ProblemDocument<'_>>(&mut sent);
    let mut paths = Map::new();
    for operation in operations {
        for (place, path) in operation.paths.iter().enumerate() {
            let item = paths.entry(*path).or_insert_with(|| json!({}));
            item[operation.verb.name().to_ascii_lowercase()] = describe(operation, place, &mut sent, &mut taken);
        }
    }
    let mut schemas = taken.take_definitions(true);
    schemas.extend(sent.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Highwater",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Live views of streams of logs, and the logs themselves",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers(),
            "responses": {
                "Problem": problem_response(&problem, "What is wrong, as RFC 9457 has it", &[]),
                "TooMany": problem_response(&problem, "Too many requests, or too many at once", &["Retry-After"]),
            },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Of somebody who signed in" },
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "API token", "description": "Of a machine" },
            },
        },
    })
}

fn generator(mut settings: SchemaSettings) -> SchemaGenerator {
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    settings.transforms.push(Box::new(RecursiveTransform(close)));
    settings.into_generator()
}

/// An object has the properties that are declared and no others, unless it says otherwise.
fn close(schema: &mut Schema) {
    let says = |name: &str| schema.get(name).is_some();
    let is_open = ["allOf", "anyOf", "oneOf", "$ref", "additionalProperties", "unevaluatedProperties"];
    if says("properties") && !is_open.into_iter().any(says) {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    // what comes after the first paragraph is for who writes Rust
    if let Some(Json::String(text)) = schema.get_mut("description")
        && let Some(end) = text.find("\n\n")
    {
        text.truncate(end);
    }
}

fn describe(operation: &Operation, place: usize, sent: &mut SchemaGenerator, taken: &mut SchemaGenerator) -> Json {
    let Operation { tag, about, params, body, answer, access, .. } = operation;
    let anonymous = json!([{}, { "bearer": [] }, { "token": [] }]);
    let mut described = json!({
        "operationId": id_of(operation, place),
        "tags": [tag],
        "summary": about,
        "parameters": params.iter().map(parameter).collect::<Vec<_>>(),
        "responses": responses(answer, sent),
        "security": if *access == Access::Anyone { anonymous } else { json!([{ "bearer": [] }, { "token": [] }]) },
    });
    if let Some(Body { kinds, required, most }) = body {
        described["requestBody"] = json!({
            "content": content(kinds, taken),
            "required": required,
            "description": most.map_or_else(|| "As many bytes as configured".to_owned(), |most| format!("At most {most} bytes")),
        });
    }
    described
}

/// `get_views_name`; of a further address of the same operation, with its number.
fn id_of(operation: &Operation, place: usize) -> String {
    let path = operation.paths[0].trim_start_matches("/api/v1");
    let words = path.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = operation.verb.name().to_ascii_lowercase();
    let number = (place > 0).then(|| (place + 1).to_string());
    [method].into_iter().chain(words.map(str::to_owned)).chain(number).collect::<Vec<_>>().join("_")
}

fn content(kinds: &[(&str, Option<SchemaOf>)], generator: &mut SchemaGenerator) -> Json {
    let kind = |(media, schema): &(&str, Option<SchemaOf>)| {
        let schema = schema.map_or_else(|| json!({ "type": "string" }), |schema| closed(schema(generator)));
        ((*media).to_owned(), json!({ "schema": schema }))
    };
    Json::Object(kinds.iter().map(kind).collect())
}

/// Definitions go through transforms by themselves; a schema that stands on its own does not.
fn closed(mut schema: Schema) -> Json {
    RecursiveTransform(close).transform(&mut schema);
    schema.to_value()
}

fn responses(answer: &Answer, generator: &mut SchemaGenerator) -> Json {
    let usual = ["X-Request-ID", "X-Correlation-ID", "traceresponse"].into_iter();
    let mut headers: Map<String, Json> =
        usual.map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect();
    for (name, about) in answer.headers {
        headers.insert((*name).to_owned(), json!({ "description": about, "schema": { "type": "string" } }));
    }
    let mut of_answer = json!({ "description": answer.about, "headers": headers });
    if !answer.kinds.is_empty() {
        of_answer["content"] = content(answer.kinds, generator);
    }
    let mut responses = json!({
        "4XX": { "$ref": "#/components/responses/Problem" },
        "429": { "$ref": "#/components/responses/TooMany" },
        "5XX": { "$ref": "#/components/responses/Problem" },
    });
    if let Some((status, about)) = answer.also {
        responses[status.to_string()] = of_answer.clone();
        responses[status.to_string()]["description"] = about.into();
    }
    responses[answer.status.to_string()] = of_answer;
    responses
}

fn problem_response(schema: &Schema, about: &str, more: &[&str]) -> Json {
    let names = ["X-Request-ID", "X-Correlation-ID", "traceresponse"].iter().chain(more);
    let headers: Map<String, Json> =
        names.map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect();
    json!({
        "description": about,
        "headers": headers,
        "content": { "application/problem+json": { "schema": schema } },
    })
}

fn headers() -> Json {
    let header = |about: &str, schema: Json| json!({ "description": about, "schema": schema });
    let id = || json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$" });
    let trace = json!({ "type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" });
    json!({
        "X-Request-ID": header("The request's id, as it came or made", id()),
        "X-Correlation-ID": header("What the request belongs to, as it came; else its own id", id()),
        "traceresponse": header("The request as a part of a trace, as W3C Trace Context has it", trace),
        "Retry-After": header("Seconds after which it may be tried again", json!({ "type": "string", "pattern": "^[0-9]+$" })),
    })
}

// ---- parameters ------------------------------------------------------------------------------------------------------

fn parameter(param: &Param) -> Json {
    let place = match param.place {
        In::Path => "path",
        In::Query => "query",
        In::Header => "header",
    };
    let mut described = json!({
        "name": param.name,
        "in": place,
        "description": param.about,
        "required": param.place == In::Path,
        "schema": schema(param.kind),
    });
    if let Some(example) = param.example {
        described["example"] = example.into();
    }
    if matches!(param.kind, Kind::Words | Kind::Levels | Kind::Names(_) | Kind::Anything) {
        described["style"] = "form".into();
        described["explode"] = true.into();
    }
    described
}

/// Levels as they are spelled, in capitals; small letters are understood, too.
const LEVELS: [&str; 8] = ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"];

fn schema(kind: Kind) -> Json {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Word | Kind::Cursor => json!({ "type": "string", "minLength": 1 }),
        Kind::Words => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Names(most) => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "maxItems": most })
        }
        Kind::Anything => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Length => json!({ "type": "string", "pattern": r"^([0-9]{1,9}(\.[0-9]{1,9})?)(us|ms|s|m|h|d)$" }),
        Kind::Levels => json!({ "type": "array", "items": { "type": "string", "enum": LEVELS } }),
        Kind::Whole { least, most, usual } => {
            let mut schema = json!({ "type": "integer", "minimum": least, "maximum": most });
            if let Some(usual) = usual {
                schema["default"] = usual.into();
            }
            schema
        }
        Kind::OneOf(choices, usual) => {
            let mut schema = json!({ "type": "string", "enum": choices() });
            if let Some(usual) = usual {
                schema["default"] = usual.into();
            }
            schema
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every `$ref` of a document.
    fn references<'a>(value: &'a Json, found: &mut BTreeSet<&'a str>) {
        match value {
            Json::Object(map) => map.iter().for_each(|(name, value)| match value.as_str() {
                Some(target) if name == "$ref" => drop(found.insert(target)),
                _ => references(value, found),
            }),
            Json::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_ids_are_unique() {
        let document = document(&OPERATIONS);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for target in found {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
        let mut ids = BTreeSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{operation}");
            }
        }
    }

    #[test]
    fn the_document_is_the_table_of_operations() {
        let declared: BTreeSet<(String, String)> = OPERATIONS
            .iter()
            .flat_map(|operation| operation.paths.iter().map(move |path| (operation, *path)))
            .map(|(operation, path)| (path.to_owned(), operation.verb.name().to_ascii_lowercase()))
            .collect();
        let document = document(&OPERATIONS);
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|verb| (path.clone(), verb.clone())))
            .collect();
        assert_eq!(described, declared);
    }

    #[test]
    fn descriptions_are_no_rust() {
        let document = document(&OPERATIONS).to_string();
        assert!(!document.contains("```") && document.contains("A short text used as a key"));
    }

    #[test]
    fn objects_are_closed_unless_they_say_otherwise() {
        let document = document(&OPERATIONS);
        assert_eq!(document["components"]["schemas"]["Problem"]["additionalProperties"], false);
        assert_eq!(document["components"]["schemas"]["FoundAnomaly"]["additionalProperties"], true);
    }
}
