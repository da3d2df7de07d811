//! Subjects of the pillar `data`.

mod async_queue;
mod corpus_source;
mod ingestion;
mod knowledge_base_store;
mod vector_access;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    vector_access::SUBJECT,
    knowledge_base_store::SUBJECT,
    corpus_source::SUBJECT,
    async_queue::SUBJECT,
    ingestion::SUBJECT,
];
