/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259), the only place that knows yajl.
 *
 * Reading: yajl_parse callbacks into one arena. Limits on size and depth; double keys, comments,
 * invalid UTF-8 and NUL in strings are refused; numbers keep their text and convert with a range
 * check. Writing: a writer that remembers its first failure and is asked once, at the end. Records:
 * one struct with one field table, used to read, to write and to free.
 */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value; lives as long as its document. `key` is the member's name inside an object, else NULL.
 */
struct json {
	enum json_type type;
	bool boolean;
	uint32_t
		at; /* bytes of the document up to its end; of what has members up to its bracket */
	size_t n;   /* members or elements; length of the text of strings and numbers */
	const char *text; /* strings and numbers: NUL-ended text */
	const char *key;
	const struct json *first; /* arrays and objects: first child */
	const struct json *next;  /* next sibling */
};

struct json_doc;

#define JSON_DEPTH_MAX 64
/* Parses TEXT (at most MAX_LEN bytes and 1,048,576 values; deeper than JSON_DEPTH_MAX is refused).
 * -EINVAL with the byte offset in the message, -EFBIG beyond the limit. */
int json_parse(const char *text, size_t len, size_t max_len, struct json_doc **ret,
	       struct cmk_err *err);
void json_doc_free(struct json_doc *doc);
static inline void cleanup_json_doc_fn(struct json_doc **d)
{
	json_doc_free(*d);
}
#define cleanup_json_doc cleanup(cleanup_json_doc_fn)
const struct json *json_root(const struct json_doc *doc);

/* The line, from 1, on which V stands in the document's TEXT (1 where V is NULL). */
size_t json_line(const char *text, size_t len, const struct json *v);

/* Member KEY of OBJ, or NULL (also where OBJ is NULL or no object). */
const struct json *json_get(const struct json *obj, const char *key);
/* Follows "a.b.c" from OBJ. */
const struct json *json_path(const struct json *obj, const char *path);
/* The text of a string value, or NULL where V is NULL or no string. */
const char *json_str(const struct json *v);
int json_u64(const struct json *v, uint64_t max, uint64_t *ret); /* 0, -EINVAL, -ERANGE */
int json_i64(const struct json *v, int64_t *ret);
bool json_bool(const struct json *v, bool fallback);
/* Owned strv from an array of strings (null or absent: NULL vector, 0); -EINVAL for other things.
 */
int json_strv(const struct json *v, char ***ret);

#define json_each(child, parent)                                                  \
	for (const struct json *child = (parent) ? (parent)->first : NULL; child; \
	     child = child->next)

/* Writing. Keys are given inside objects and are NULL inside arrays and at the top. Text must be
 * UTF-8: bytes that are not are replaced by U+FFFD. */
struct json_writer {
	struct strbuf out;
	bool pretty; /* 4 spaces, one member a line, as podman inspect */
	int failed;  /* first failure, negative errno */
	unsigned int depth;
	bool need_comma;
	uint64_t objects; /* bit N: level N + 1 is an object */
};
#define JSON_WRITER_INIT ((struct json_writer){ 0 })
void json_write_object(struct json_writer *w, const char *key);
void json_write_array(struct json_writer *w, const char *key);
void json_write_end(struct json_writer *w, char bracket);		    /* '}' or ']' */
void json_write_str(struct json_writer *w, const char *key, const char *s); /* NULL writes null */
void json_write_strn(struct json_writer *w, const char *key, const char *s, size_t len);
void json_write_bool(struct json_writer *w, const char *key, bool b);
void json_write_i64(struct json_writer *w, const char *key, int64_t v);
void json_write_u64(struct json_writer *w, const char *key, uint64_t v);
void json_write_hundredths(struct json_writer *w, const char *key, uint64_t v); /* 123: 1.23 */
void json_write_null(struct json_writer *w, const char *key);
void json_write_strv(struct json_writer *w, const char *key, char *const *v); /* [] for NULL */
/* A map from an environment-style vector "KEY=VALUE" (labels, annotations). */
void json_write_map(struct json_writer *w, const char *key, char *const *v);
/* Members as raw text ("\"k\":v,…", as JSON_F_EXTRA keeps them); nothing where NULL or empty. */
void json_write_members(struct json_writer *w, const char *raw);
/* Any parsed value, as it was. */
void json_write_value(struct json_writer *w, const char *key, const struct json *v);
/* The text (owned, with a final newline); -errno where any step failed or brackets are open. W is
 * emptied. */
int json_writer_finish(struct json_writer *w, char **ret, size_t *ret_len, struct cmk_err *err);
void json_writer_done(struct json_writer *w);

/* Field tables. */
enum json_kind {
	JSON_F_STR,  /* char * (owned; absent or null: NULL) */
	JSON_F_BOOL, /* bool */
	JSON_F_I64,  /* int64_t */
	JSON_F_U64,  /* uint64_t */
	JSON_F_INT,  /* int */
	JSON_F_U32,  /* uint32_t */
	JSON_F_STRV, /* char ** (owned) from an array of strings */
	JSON_F_MAP,  /* char ** (owned "KEY=VALUE") from an object of strings */
	JSON_F_OBJ,  /* embedded struct, described by `sub` */
	JSON_F_PTR,  /* pointer to an owned struct, described by `sub` (size `sub_size`); NULL where
			absent */
	JSON_F_ARRAY, /* struct X *items (owned) at `offset`, size_t n at `count_offset`, elements
			 described by `sub` */
	JSON_F_U32V,  /* uint32_t *items (owned) at `offset`, size_t n at `count_offset`, from an
			 array of numbers */
	JSON_F_EXTRA, /* char * (owned): members that no row names, kept as raw text "\"k\":v,…" and
			 written back */
	JSON_F_END,
};
enum json_field_flags {
	JSON_REQUIRED = 1 << 0,	  /* reading fails where it is absent */
	JSON_OMIT_EMPTY = 1 << 1, /* not written where NULL, 0, false or empty */
	JSON_HAS = 1 << 2,	  /* numbers: a bool at `count_offset` says whether it is there */
};
struct json_field {
	const char *name;
	enum json_kind kind;
	enum json_field_flags flags;
	size_t offset, count_offset, sub_size;
	const struct json_field *sub;
};
#define JSON_FIELD(struct_type, member, json_name, json_kind_, json_flags_)        \
	{                                                                          \
		.name = (json_name), .kind = (json_kind_), .flags = (json_flags_), \
		.offset = offsetof(struct_type, member)                            \
	}
#define JSON_FIELD_SUB(struct_type, member, json_name, json_kind_, json_flags_, sub_, sub_type) \
	{                                                                                       \
		.name = (json_name), .kind = (json_kind_), .flags = (json_flags_),              \
		.offset = offsetof(struct_type, member), .sub = (sub_),                         \
		.sub_size = sizeof(sub_type)                                                    \
	}
#define JSON_FIELD_ARRAY(struct_type, member, count, json_name, json_flags_, sub_, sub_type) \
	{                                                                                    \
		.name = (json_name), .kind = JSON_F_ARRAY, .flags = (json_flags_),           \
		.offset = offsetof(struct_type, member),                                     \
		.count_offset = offsetof(struct_type, count), .sub = (sub_),                 \
		.sub_size = sizeof(sub_type)                                                 \
	}
#define JSON_FIELD_HAS(struct_type, member, has, json_name, json_kind_)       \
	{                                                                     \
		.name = (json_name), .kind = (json_kind_), .flags = JSON_HAS, \
		.offset = offsetof(struct_type, member),                      \
		.count_offset = offsetof(struct_type, has)                    \
	}
#define JSON_FIELD_U32V(struct_type, member, count, json_name, json_flags_)       \
	{                                                                         \
		.name = (json_name), .kind = JSON_F_U32V, .flags = (json_flags_), \
		.offset = offsetof(struct_type, member),                          \
		.count_offset = offsetof(struct_type, count)                      \
	}
#define JSON_FIELD_END             \
	{                          \
		.kind = JSON_F_END \
	}

/* Fills *OUT (zeroed by the caller, defaults set before) from OBJ. A member of the wrong type is an
 * error that names it. Members absent keep what OUT had. On failure OUT holds what was read so far:
 * free it all the same. */
int json_read_fields(const struct json *obj, const struct json_field *fields, void *out,
		     struct cmk_err *err);
/* Why json_read_fields() does not take OBJ, as people look for it: "line 12: linux.seccomp: not an
 * object" and -EINVAL; 0 where nothing is wrong. TEXT is the document's. */
int json_explain_fields(const char *text, size_t len, const struct json *obj,
			const struct json_field *fields, struct cmk_err *err);
/* The members only; the caller opens and closes the object. */
void json_write_fields(struct json_writer *w, const struct json_field *fields, const void *in);
/* Frees every owned member and zeroes it. */
void json_free_fields(const struct json_field *fields, void *rec);
/* Whole documents in files: reads NAME below DIRFD (at most MAX bytes) into OUT; writes it,
 * atomically, with mode 0600. FILE_FLAGS: enum file_flags of base/file.h. */
int json_load_record(int dirfd, const char *name, size_t max, const struct json_field *fields,
		     void *out, struct cmk_err *err);
/* What json_save_record() writes; owned. */
int json_record_text(const struct json_field *fields, const void *in, char **ret, size_t *ret_len,
		     struct cmk_err *err);
int json_save_record(int dirfd, const char *name, const struct json_field *fields, const void *in,
		     int file_flags, struct cmk_err *err);
