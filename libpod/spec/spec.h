/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's specification: the part of the OCI runtime-spec's config.json (version 1.1) that
 * cmk acts on, as one struct, read and written by one field table. Unknown members are kept. Owned
 * throughout; spec_free() takes half-built ones.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

struct spec_rlimit {
	char *type;	     /* "RLIMIT_NOFILE" */
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

/* runtime-spec config.md#mounts; options as in mount(8), with rbind, ro/rro, private…, tmpcopyup,
 * plus cmk's "U". */
struct spec_mount {
	char *destination, *type, *source;
	char **options;
};

/* Type of the mount of /dev/shm that is the one of the container whose IPC namespace is joined. */
#define SPEC_MOUNT_JOINED_SHM "cmk-joined-shm"

struct spec_id_mapping {
	uint32_t container_id, host_id, size; /* host_id: in the parent user namespace */
};

struct spec_namespace {
	char *type; /* "pid", "network", "mount", "ipc", "uts", "user", "cgroup" */
	char *path; /* join this one instead of making it, or NULL; "container:ID" is resolved at
		       each start */
};

struct spec_user {
	uint32_t uid, gid, umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
	char *username;
};

struct spec_capabilities {
	char **bounding, **effective, **inheritable, **permitted, **ambient; /* "CAP_CHOWN" */
};

struct spec_process {
	bool terminal;
	uint32_t rows, columns; /* 0: unset */
	struct spec_user user;
	char **args, **env;
	char *cwd;
	struct spec_capabilities caps;
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	char *apparmor_profile; /* NULL: the caller's own confinement stays */
	char *selinux_label;	/* NULL: the caller's */
	bool has_oom_score_adj;
	int oom_score_adj;
	char *extra;
};

/* runtime-spec config-linux.md#block-io */
struct spec_device_value {
	uint32_t major, minor;
	uint64_t value; /* a weight of 10..1000, bytes per second or operations per second */
};
struct spec_device_list {
	struct spec_device_value *list;
	size_t n;
};
enum spec_io_rate { IO_READ_BPS, IO_WRITE_BPS, IO_READ_IOPS, IO_WRITE_IOPS, N_IO_RATES };

/* 0 and NULL: none. */
struct spec_resources {
	int64_t memory_limit, memory_reservation; /* bytes */
	int64_t memory_swap;			  /* memory and swap together; -1: no limit */
	int64_t cpu_quota;			  /* microseconds per period */
	uint64_t cpu_period;			  /* microseconds */
	uint64_t cpu_shares;			  /* 2..262144, as in cgroup v1 */
	char *cpuset_cpus, *cpuset_mems;	  /* "0-3,7" */
	int64_t pids_limit;			  /* -1: unlimited */
	uint32_t blkio_weight;			  /* 10..1000, as in cgroup v1 */
	struct spec_device_list weights, rates[N_IO_RATES];
	char **unified; /* "FILE=VALUE" of the group */
};

/* CPUs or memory nodes; the kernel knows no more CPUs (NR_CPUS). */
#define SPEC_ID_SET_MAX 8192
struct spec_id_set {
	uint64_t bits[SPEC_ID_SET_MAX / 64];
};
/* "0-3,7", as cpuset(7) has it; white space may follow, and empty text is the empty set. -EINVAL,
 * -ERANGE; *RET is untouched then. */
int spec_id_set_parse(const char *text, size_t len, struct spec_id_set *ret);
bool spec_id_set_within(const struct spec_id_set *inner, const struct spec_id_set *outer);

/* runtime-spec config.md#posix-platform-hooks, in the order of their stages. */
enum spec_hook_stage {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	N_HOOK_STAGES
};
const char *hook_stage_name(enum spec_hook_stage stage);
int hook_stage_number(const char *name); /* the stage, or -EINVAL */
struct spec_hook {
	char *path; /* absolute */
	char **args, **env;
	bool has_timeout;
	int timeout; /* seconds */
};
struct spec_hook_list {
	struct spec_hook *list;
	size_t n;
};

struct spec {
	char *oci_version;
	char *hostname, *domainname;
	struct spec_process process;
	char *root_path;
	bool root_readonly;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_namespace *namespaces;
	size_t n_namespaces;
	struct spec_id_mapping *uid_mappings, *gid_mappings;
	size_t n_uid_mappings, n_gid_mappings;
	char *cgroups_path;
	struct spec_resources resources;
	char **masked_paths, **readonly_paths;
	char *mount_label;  /* SELinux's, of the file systems that are made; NULL: none */
	char *personality;  /* "LINUX32", or NULL */
	char **sysctl;	    /* "key=value" */
	char **annotations; /* "key=value" */
	struct spec_hook_list hooks[N_HOOK_STAGES];
	/* cmk's own, kept as annotations in config.json: */
	char *seccomp_profile; /* "default", "unconfined" or a file's absolute path; written in full
				  as linux.seccomp only by `cmk oci` later */
	bool init;	       /* run our init as PID 1 (--init) */
	bool keep_groups;      /* --group-add keep-groups */
	bool cwd_must_exist;   /* --workdir; the image's is made where it is missing */
	char **group_add;      /* --group-add NAME or number, looked up inside the image by init as
				  runtime_user_lookup() does */
	bool no_passwd;	       /* --passwd=false */
	char **passwd_lines;   /* users to add to /etc/passwd where they are missing */
	char *passwd_entry, *group_entry; /* what to add for a user or group without a name */
	char *linux_extra, *extra;	  /* members that cmk does not act on */
};

struct spec *spec_new(void);
struct spec *spec_free(struct spec *s);
int spec_load(int bundle_fd, struct spec **ret, struct cmk_err *err); /* config.json */
int spec_save(int bundle_fd, const struct spec *s, bool durable, struct cmk_err *err);

/* Defaults shared by every container: the seven namespaces, /proc, /dev, /dev/pts, /dev/shm,
 * mqueue, /sys, cgroup mounts, masked and read-only paths, 11 capabilities. Resource limits are
 * not among them: the runtime raises them at each start, as far as that session may.
 * HOST_NET: no network namespace, and spec_share_sys(). */
void spec_set_defaults(struct spec *s, bool host_net);
void spec_add_mount(struct spec *s, const char *dest, const char *type, const char *source,
		    const char *options_csv);
/* Made or joined; else it is the host's. */
bool spec_has_namespace(const struct spec *s, const char *type);
bool spec_makes_namespace(const struct spec *s, const char *type);
bool spec_joins_namespace(const struct spec *s, const char *type);
/* Makes TYPE the host's where PATH is NULL, else one to join. */
void spec_set_namespace(struct spec *s, const char *type, const char *path);
/* Whether what the host mounts later is to be seen in one of the mounts. */
bool spec_wants_propagation(const struct spec *s);
/* For a container in the host's network namespace: /sys becomes a read-only recursive bind of the
 * host's. */
void spec_share_sys(struct spec *s);
/* Takes "ro" from the mount at DEST, and "rro". */
void spec_make_writable(struct spec *s, const char *dest);
/* By which option of mount(8) they get it: "context", or what SPEC_CONTEXT_ANNOTATION says, as crun
 * takes it. */
#define SPEC_CONTEXT_ANNOTATION "run.oci.mount_context_type"
const char *spec_mount_context(const struct spec *s);
/* Takes the mount at DEST out, where it is among the first N. */
void spec_remove_mount(struct spec *s, size_t n, const char *dest);
/* --cap-add/--cap-drop with or without CAP_, ALL; unknown is an error. Applies to bounding,
 * effective and permitted. */
int spec_apply_caps(struct spec *s, char *const *add, char *const *drop, struct cmk_err *err);
/* Podman's default, 11 names. NULL-ended. */
extern const char *const spec_default_caps[];
/* The set as bits, 1 << number. Names that libcap does not know are left out. */
uint64_t spec_caps_mask(char *const *names);
/* All that libcap and this kernel know, by their numbers; owned. */
char **spec_caps_names(void);
/* As spec_load(), from text (tests, the fuzzer). */
int spec_parse(const char *text, size_t len, struct spec **ret, struct cmk_err *err);
/* From a document that others made, which may have more than that: their annotations stay theirs.
 * Nothing is checked beyond the types. */
int spec_read_foreign(const struct json *root, struct spec **ret, struct cmk_err *err);
/* Writes config.json for others: indented, S's own annotations alone. */
int spec_save_foreign(int bundle_fd, const struct spec *s, struct cmk_err *err);
/* The tables behind it, of a struct spec, its process and its resources. */
extern const struct json_field spec_fields[], spec_process_fields[], spec_resources_fields[];
extern const struct json_field spec_id_mapping_fields[];
/* The whole document, owned. */
int spec_text(const struct spec *s, char **ret, size_t *ret_len, struct cmk_err *err);
