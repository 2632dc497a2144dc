//! One configuration, validated once.
