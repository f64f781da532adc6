//! The index's fields: which there are, and how text is cut for them.

use std::sync::LazyLock;

use tantivy::{
    Index, IndexSettings,
    schema::{
        BytesOptions, Field, IndexRecordOption, JsonObjectOptions, NumericOptions, Schema, SchemaBuilder,
        TextFieldIndexing, TextOptions,
    },
    store::{Compressor, ZstdCompressor},
    tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer},
};

use crate::words::{Words, cut, normal};

/// What is on disk is written in this format; another one cannot be read.
pub(crate) const FORMAT: u32 = 1;

/// A name longer than this is cut to its first so many bytes, in the index and in queries alike.
const MAX_NAME_BYTES: usize = 1024;

/// Bytes of logs that are compressed together: the larger, the smaller on disk, and the slower to fetch one.
const BLOCK_BYTES: usize = 32 << 10;

/// The fields of the index.
///
/// Columns hold what a search orders, counts and filters by; inverted lists what it looks up. Ids are inverted by their
/// hash. What neither holds is in `rest`, compressed: a log is put together from columns and rest.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// column, in microseconds
    pub(crate) timestamp: Field,
    /// column and inverted
    pub(crate) level: Field,
    /// column (as it is written) and inverted (in lower case)
    pub(crate) service: Field,
    /// column, in microseconds
    pub(crate) latency: Field,
    /// column and inverted: source and partition, as a log's id has them
    pub(crate) stream: Field,
    /// column: the offset after the log
    pub(crate) offset: Field,
    /// column, hashed: nearly every span is another, and a column of them is a third of what lists of them would be
    pub(crate) span: Field,
    /// inverted, with positions
    pub(crate) message: Field,
    /// inverted, in lower case
    pub(crate) host: Field,
    /// inverted, hashed
    pub(crate) trace: Field,
    /// inverted, hashed
    pub(crate) correlation: Field,
    /// inverted
    pub(crate) template: Field,
    /// inverted: [`Has`] of what is not in a column
    pub(crate) has: Field,
    /// inverted, with positions; by path and type
    pub(crate) attributes: Field,
    /// everything else of a log
    pub(crate) rest: Field,
}

/// That a log says something, where no column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Has {
    Message,
    Host,
    Trace,
    Correlation,
}

impl Fields {
    /// The fields, which are the same in every slice.
    pub(crate) fn get() -> &'static Fields {
        static FIELDS: LazyLock<Fields> = LazyLock::new(Fields::build);
        &FIELDS
    }

    fn build() -> Fields {
        let mut to = SchemaBuilder::new();
        let column = || NumericOptions::default().set_fast();
        let inverted = || NumericOptions::default().set_indexed();
        let name = |tokenizer| TextOptions::default().set_indexing_options(text(tokenizer, IndexRecordOption::Basic));
        let words = text(WORDS, IndexRecordOption::WithFreqsAndPositions);
        let timestamp = to.add_i64_field("timestamp", column());
        let level = to.add_u64_field("level", column().set_indexed());
        let service = to.add_text_field("service", name(NAME).set_fast("raw"));
        let latency = to.add_u64_field("latency", column());
        let stream = to.add_text_field("stream", name(NAME).set_fast("raw"));
        let offset = to.add_i64_field("offset", column());
        let span = to.add_u64_field("span", column());
        let message = to.add_text_field("message", TextOptions::default().set_indexing_options(words.clone()));
        let host = to.add_text_field("host", name(NAME));
        let trace = to.add_u64_field("trace", inverted());
        let correlation = to.add_u64_field("correlation", inverted());
        let template = to.add_u64_field("template", inverted());
        let has = to.add_u64_field("has", inverted());
        let attributes = JsonObjectOptions::default().set_indexing_options(words).set_expand_dots_enabled();
        let attributes = to.add_json_field("attributes", attributes);
        let rest = to.add_bytes_field("rest", BytesOptions::default().set_stored());
        let schema = to.build();
        Fields {
            schema,
            timestamp,
            level,
            service,
            latency,
            stream,
            offset,
            span,
            message,
            host,
            trace,
            correlation,
            template,
            has,
            attributes,
            rest,
        }
    }
}

const WORDS: &str = "words";
const NAME: &str = "name";

fn text(tokenizer: &str, option: IndexRecordOption) -> TextFieldIndexing {
    TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option).set_fieldnorms(false)
}

/// Compression of what is stored.
pub(crate) fn index_settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(3) }),
        docstore_blocksize: BLOCK_BYTES,
        ..IndexSettings::default()
    }
}

/// Tells an index how text is cut: that is not in its files.
pub(crate) fn register_tokenizers(index: &Index) {
    index.tokenizers().register(WORDS, TextAnalyzer::from(WordsTokenizer(Token::default())));
    index.tokenizers().register(NAME, TextAnalyzer::from(NameTokenizer(Token::default())));
}

/// A name as it is looked for: whatever its case, and cut.
pub(crate) fn normal_name(name: &str) -> String {
    let mut lower = name.to_lowercase();
    lower.truncate(cut(&lower, MAX_NAME_BYTES).len());
    lower
}

/// Cuts text into [`crate::words()`].
#[derive(Clone, Debug)]
struct WordsTokenizer(Token);

struct WordStream<'a> {
    words: Words<'a>,
    token: &'a mut Token,
}

impl Tokenizer for WordsTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.0.reset();
        WordStream { words: Words::of(text), token: &mut self.0 }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next_raw() else { return false };
        self.token.text.clear();
        self.token.text.push_str(&normal(word));
        // the first is at 0
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// Takes text as one name.
#[derive(Clone, Debug)]
struct NameTokenizer(Token);

struct NameStream<'a> {
    name: Option<&'a str>,
    token: &'a mut Token,
}

impl Tokenizer for NameTokenizer {
    type TokenStream<'a> = NameStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> NameStream<'a> {
        self.0.reset();
        self.0.position = 0;
        NameStream { name: Some(text).filter(|text| !text.is_empty()), token: &mut self.0 }
    }
}

impl TokenStream for NameStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(name) = self.name.take() else { return false };
        self.token.text = normal_name(name);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
