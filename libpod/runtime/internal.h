/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the OCI runtime share; see runtime.h for the whole. */
#pragma once

#include <sys/types.h>

#include "libpod/runtime/hooks.h"
#include "libpod/runtime/runtime.h"
#include "libpod/runtime/seccomp.h"

/* What a process of ours is doing, in memory shared with the monitor: where it dies without a word,
 * this is named. */
enum runtime_stage {
	STAGE_PREPARE,
	STAGE_USERNS,
	STAGE_CLONE,
	STAGE_MAPS,
	STAGE_ROOTFS,
	STAGE_NETWORK,
	STAGE_MOUNTS,
	STAGE_MASKS,
	STAGE_HOOKS,
	STAGE_PIVOT,
	STAGE_TERMINAL,
	STAGE_USER,
	STAGE_CONFINE,
	STAGE_WAIT,
	STAGE_EXEC,
	N_STAGES
};

/* First byte of a message on the sync socket; 'E' is cmk_err_encode()'s. */
enum sync_message {
	SYNC_PID = 'P',	    /* struct sync_pid, with the pidfd */
	SYNC_CONSOLE = 'C', /* with the pty's master */
	SYNC_TAP = 'T',	    /* with the tap device */
	SYNC_MAP = 'M',	  /* write the maps of our user namespace; the answer is 'M' or an error */
	SYNC_HOOKS = 'H', /* call prestart and createRuntime; the answer is struct sync_pid with our
			     pid as the monitor sees it */
	SYNC_LISTENER = 'L', /* with seccomp's listener: path, NUL, metadata */
	SYNC_READY = 'R',
	SYNC_GO = 'G', /* the other way: exec */
};
struct sync_pid {
	char type;
	int32_t pid;
};

/* One start of a process, as seen by the processes that do it. */
struct runtime_job {
	const struct runtime_create_args *create; /* or NULL */
	const struct runtime_exec_args *exec;	  /* or NULL */
	const struct bundle_args *bundle;	  /* or NULL: see bundle.h */
	const struct spec *spec;
	const struct spec_process *process;
	const char *user_text;
	char *const *group_add;
	bool keep_groups;
	const int *stdio;
	const int *preserve_fds;
	size_t n_preserve_fds;
	const struct userns_config *userns; /* NULL for exec */
	pid_t setup_pid;		    /* as the monitor sees it */
	int setup_pidfd;
	int sync;	/* our end */
	int start_fd;	/* where a bundle's init waits for its start, or -1 */
	int fifo_dirfd; /* where the fifo is for which a bundle's exec session waits, or -1 */
	bool keep_keyring;
	bool cwd_entered;  /* of a bundle: before the process became its user */
	bool maps_of_init; /* SYNC_MAP is about init's user namespace, not the set-up process's */
	enum runtime_stage *stage;
	struct seccomp_filter filter;
	char *init_path;  /* cmk-init on the host, or NULL; owned */
	pid_t host_pid;	  /* init, once the monitor has told it, for hooks */
	int null_fd;	  /* the host's /dev/null, checked */
	int init_exec_fd; /* cmk-init on a read-only mount of its own, for --init; or -1 */
	int apparmor_fd;  /* where the command's profile is to be written, or -1 */
	int label_fd;	  /* the same for its SELinux label */
	/* Made by the set-up process for init, which could not (outside.c): */
	int root_mnt_fd; /* the root file system, detached, or -1 */
	int *ns_fds;   /* of a bundle: what is to be joined, for each of the spec's namespaces; -1:
			  not, or done; owned */
	int *devices;  /* of a bundle: for each of linux.devices, a mount of its node, or -1; or
			  NULL */
	int *made;     /* for each of the spec's mounts, detached, or -1; or NULL; owned */
	dev_t exe_dev; /* this program's own file: never to be executed inside */
	ino_t exe_ino;
};

/* --- sync.c --- */
int sync_send(int fd, const void *msg, size_t len, int pass_fd, struct cmk_err *err);
/* One message of at most SIZE bytes; *RET_FD the descriptor that came with it, or -1. 0 is the end
 * of file. */
ssize_t sync_recv(int fd, void *buf, size_t size, int *ret_fd);
const char *stage_name(enum runtime_stage s);
/* Waits for messages until READY, filling RET; the error or the silent death of the other side. */
int sync_collect(const struct runtime_job *job, struct runtime_container *ret, struct cmk_err *err);
/* As the set-up process: has the monitor, which stays in the host's user namespace, write the maps
 * of the one just made. */
int sync_ask_maps(void *job, struct cmk_err *err);
/* As the set-up process: forks off the child of our own parent that becomes the container's
 * process, tells the monitor about it. Returns as fork(). */
pid_t job_clone(struct runtime_job *job, uint64_t flags, int cgroup_fd, struct cmk_err *err);
void job_announce(struct runtime_job *job, pid_t pid, int pidfd);
/* Starts SETUP in a child, collects, kills and reaps on failure. */
int job_run(struct runtime_job *job, const char *name,
	    int (*setup)(struct runtime_job *job, struct cmk_err *err),
	    struct runtime_container *ret, struct cmk_err *err);
/* What job_run() is made of, for who has no set-up process: opens the talk; ends it, R being how it
 * went. */
int job_open(struct runtime_job *job, struct runtime_container *c, struct cmk_err *err);
int job_close(struct runtime_job *job, int r, struct runtime_container *c,
	      struct runtime_container *ret);
/* Opens and checks what every start needs from the host. */
int job_prepare(struct runtime_job *job, struct cmk_err *err);

/* The state for hooks of a container that is being made. *RET_BUNDLE is owned by the caller. */
struct hook_state job_hook_state(const struct runtime_job *job, const char *status, pid_t pid,
				 char **ret_bundle);

/* --- seccomp_notify.c --- */
/* As the monitor: hands LISTENER to who listens at PATH on the host, with the state of the process
 * (config-linux.md#containerprocessstate). */
int seccomp_listener_send(const struct runtime_job *job, pid_t pid, int listener, const char *path,
			  const char *metadata, struct cmk_err *err);

/* --- create.c --- */
uint64_t namespace_flag(const char *type); /* CLONE_NEW…, or 0 */
void create_raise_rlimits(const struct spec_process *p);
int create_oom_score(const struct spec_process *p, struct cmk_err *err);

/* --- join.c: namespaces of others --- */

/* As the set-up process in the parent user namespace: joins what is to be joined, but for the user
 * namespace (which comes last) and the cgroup namespace (which init joins). */
int join_namespaces(struct runtime_job *job, struct cmk_err *err);
int join_user(struct runtime_job *job, struct cmk_err *err);
/* As init. */
int join_cgroup(struct runtime_job *job, struct cmk_err *err);
/* Root of our user namespace, or where that is not mapped the first id that is. */
int join_become_root(const struct spec *s, struct cmk_err *err);

/* --- idmapped.c --- */
/* A detached id-mapped mount of SOURCE ("": DIRFD itself), with what is mounted below it where
 * DEEP, of which ALL is mapped. MAPS: file ids → the ids that they show as, in our user namespace.
 * -EPERM where the file system is not ours. */
int idmapped_mount(int dirfd, const char *source, const struct id_map_pair *maps, bool deep,
		   bool all, struct cmk_err *err);
/* As the set-up process in the host's user namespace, and as its root: the mounts that are to have
 * the container's map. */
int idmapped_prepare(struct runtime_job *job, struct cmk_err *err);

/* --- label.c: SELinux --- */
/* The first of NAMES, files below the container's /proc, to be written to: only in a procfs as it
 * is at its root (CVE-2019-16884, CVE-2025-52881). WHAT is for messages. */
int attr_open(int root_fd, const char *const *names, size_t n, const char *what,
	      struct cmk_err *err);
/* Where the label of the command goes, opened while we may; and the writing of it, last of all, so
 * that nothing but the command gets it. */
int label_open(struct runtime_job *job, int root_fd, struct cmk_err *err);
int label_set(const struct runtime_job *job, struct cmk_err *err);
/* Keys that are made from now on have the command's label, which could not use them else. */
int label_keys(const struct runtime_job *job, struct cmk_err *err);
/* Before the file system FS (fsopen(2)) is made. */
int label_new_mount(int fs, const char *type, const struct spec *s, struct cmk_err *err);
/* Of a file system for which there is no such option. */
int label_mount_root(int mnt, const struct spec *s, struct cmk_err *err);
/* z and Z: what the bind mount MNT shows. */
int label_source(int mnt, const struct spec *s, bool shared, struct cmk_err *err);

/* --- outside.c: mounts that take rights in the parent user namespace --- */

/* JOB->made, where it is not there yet. */
void job_need_made(struct runtime_job *job);
/* As the set-up process: makes what init may not, or cannot reach, with its own map. */
int outside_prepare(struct runtime_job *job, struct cmk_err *err);

/* --- exec.c --- */
/* An exec session that has joined the namespaces of the process TARGET_PIDFD but for the cgroup
 * one: that, a terminal where it has one, and BECOME. Returns only on failure. */
int exec_session(struct runtime_job *job, int target_pidfd,
		 int (*become)(struct runtime_job *job, int root_fd, int slave_fd,
			       struct cmk_err *err),
		 struct cmk_err *err);

/* --- init.c --- */
void init_main(struct runtime_job *job, int maps_fd) cmk_noreturn;
/* Files that programs look for, where the image has none. */
void init_add_files(int root_fd, const struct spec *s);
struct mount_context;
/* On a mounted root: parameters, masks, read-only paths and mounts, then hooks. */
int init_finish_root(struct runtime_job *job, struct mount_context *c, struct cmk_err *err);

/* --- copyup.c --- */
/* Copies what the directory FROM holds into TO, without following anything, and, unless KEEP_MODE,
 * owner and mode of the directory itself. Both may be O_PATH. */
int copy_up(int from, int to, bool keep_mode, bool keep_owner, struct cmk_err *err);

/* --- rootpath.c: paths in the container's root, never out of it --- */

/* O_PATH descriptor of PATH below ROOT_FD, all links taken inside; -errno. */
int root_open(int root_fd, const char *path, int flags);
/* The same, making what is missing: directories (0755), and a file (0644) at the end unless IS_DIR.
 * A dangling link leads to the file that it names, inside. *RET_MADE (may be NULL): something was
 * made. */
int root_open_target(int root_fd, const char *path, bool is_dir, bool *ret_made,
		     struct cmk_err *err);
/* Where a mount goes: PATH, as above. INTO (may be NULL) is the name of a file in PATH, unless that
 * is a file itself. */
int root_open_place(int root_fd, const char *path, const char *into, bool is_dir, bool *ret_made,
		    struct cmk_err *err);

/* --- mount_options.c --- */
struct mount_options {
	uint64_t set, clear;   /* MOUNT_ATTR_… of the mount itself */
	uint64_t rset, rclear; /* of all that is mounted below it as well */
	uint64_t propagation;  /* MS_PRIVATE… or 0 */
	bool propagation_recursive;
	bool bind, recursive;
	char **data; /* for the file system; owned */
	/* cmk's own, see libpod/container/create_place.c; the strings are borrowed */
	bool volume, nocopy, chown, idmap, fresh, own, optional, late_read_only;
	bool relabel_shared, relabel_private;
	bool strict; /* a bind mount that keeps what it is to lose is an error */
	const char *subpath, *overlay, *scratch, *value, *idmap_own, *into;
};
int mount_options_parse(char *const *options, struct mount_options *ret, struct cmk_err *err);
void mount_options_done(struct mount_options *o);

/* --- mounts.c --- */
struct mount_context {
	struct runtime_job *job;
	int root_fd;	   /* the root file system's mount */
	int dev_fd;	   /* the tmpfs on /dev, or -1 */
	bool dev_readonly; /* as soon as all is in it */
	int pts_fd;	   /* the devpts on /dev/pts, or -1 */
	int proc_fd;	   /* our new procfs, or -1 */
	bool has_secrets;  /* the scratch mount for secrets is there */
	unsigned int n_secrets;
	bool user_known; /* the container's user has been looked up: */
	uid_t user_uid;
	gid_t user_gid;
	bool outside;  /* we are the set-up process: ids are those of the parent namespace */
	gid_t tty_gid; /* 5 where it is mapped, or (gid_t)-1 */
};
int mounts_apply(struct mount_context *c, struct cmk_err *err);
/* The mount M, detached; where the set-up process is to make it OUTSIDE. */
int mount_make(const struct spec_mount *m, const struct mount_options *o,
	       const struct mount_context *c, struct cmk_err *err);
/* What is copied into the mount MNT before it is attached on TARGET, and whom its files belong to.
 * TARGET_MADE: it was not in the image; -1 will do then. */
int mount_prepare(struct mount_context *c, const struct spec_mount *m,
		  const struct mount_options *o, int mnt, int target, bool target_made,
		  struct cmk_err *err);
/* Attributes and propagation of a mount that exists already; 0 or -errno. */
int mount_set_options(int mnt, const struct mount_options *o);
/* Puts the detached mount MNT_FD on PATH in the root. */
int mount_attach(int mnt_fd, int target_fd);
/* Makes read-only what had to be written to until now: the root, /dev. */
int mounts_read_only(struct mount_context *c, struct cmk_err *err);

/* --- volumes.c: what mounts need beyond the mount itself --- */
/* As the set-up process, in the parent user namespace: empties the upper directories of overlays
 * that are made anew at each start. */
int overlays_refresh(const struct spec *s, struct cmk_err *err);
/* A detached copy of an overlay's mount, which is made on the host's tree, as init sees it. */
int overlay_mount_new(const struct mount_options *o, const struct spec *s, struct cmk_err *err);
/* Descriptor of what SUBPATH names below the directory SOURCE, all links taken inside. */
int subpath_open(const char *source, const char *subpath, struct cmk_err *err);
/* The first use of a volume: copies what TARGET, a directory of the root, holds into it, and gives
 * it owner and mode of TARGET, or (TARGET_MADE: it was not in the image) to the container's user.
 */
int volume_first_use(struct mount_context *c, const char *source, const struct mount_options *o,
		     int target, bool target_made, struct cmk_err *err);
/* U: gives the tree below FD to the container's user. */
int chown_to_user(struct mount_context *c, int fd, struct cmk_err *err);
/* Gives a file that cmk wrote to the container's root, where that is not who we are. */
int own_file_to_root(const struct mount_context *c, int fd, struct cmk_err *err);
/* A secret's file, as a detached mount, and the place for the others that follow. */
int secret_mount(struct mount_context *c, const char *source, const struct mount_options *o,
		 struct cmk_err *err);

/* --- dev.c --- */
/* Fills the new tmpfs on /dev. */
int dev_fill(struct mount_context *c, struct cmk_err *err);
/* Bind of the host's /dev/null, a detached mount, after a look that it is char 1:3
 * (CVE-2025-31133). One for each use: a detached mount can be cloned only since kernel 6.15. */
int dev_open_null(struct cmk_err *err);
/* Opens a pty in the devpts PTS_FD (or the container's own /dev/pts/ptmx below ROOT_FD where it is
 * -1); sets the size; binds it on DEV_FD's console where that is 0 or more. */
int dev_open_pty(const struct runtime_job *job, int pts_fd, int root_fd, int dev_fd,
		 int *ret_master, int *ret_slave, struct cmk_err *err);

/* --- masks.c --- */
int masks_apply(struct mount_context *c, struct cmk_err *err);
int sysctls_apply(const struct mount_context *c, struct cmk_err *err);

/* --- process.c: from a finished root to exec --- */

/* Who the process will be. */
struct identity {
	struct spec_user user;
	char *home;
};
void identity_done(struct identity *id);
int process_identity(const struct runtime_job *job, int root_fd, struct identity *id,
		     struct cmk_err *err);
/* The working directory is where something is mounted, or below: it may be missing there. */
bool process_cwd_is_mounted(const struct runtime_job *job);
int process_make_cwd(const struct runtime_job *job, int root_fd, const struct identity *id,
		     struct cmk_err *err);

/* The last part: user, groups, working directory, limits, capabilities, seccomp; reports READY,
 * waits for GO, executes. Returns only on failure. SLAVE_FD: the terminal or -1. */
int process_become(struct runtime_job *job, int root_fd, int slave_fd, struct cmk_err *err);
/* What comes first in a process of the container. */
int process_begin(const struct runtime_job *job, struct cmk_err *err);
/* Its steps that bundle_process.c takes in another order: */
int process_open_apparmor(struct runtime_job *job, int root_fd, struct cmk_err *err);
int process_set_apparmor(const struct runtime_job *job, struct cmk_err *err);
int process_take_terminal(uid_t uid, int slave, struct cmk_err *err);
int process_enter_cwd(const struct runtime_job *job, int root_fd, struct cmk_err *err);
int process_install_filter(const struct runtime_job *job, struct cmk_err *err);
int process_place_descriptors(struct runtime_job *job, int slave, struct cmk_err *err);
int process_wait_for_go(struct runtime_job *job, struct cmk_err *err);

/* --- command.c --- */
/* Finds ARGV[0] through the PATH in ENV below the process's root, as its user: an O_PATH
 * descriptor. Refuses this program's own file, also as a script's interpreter (CVE-2019-5736). */
int command_find(const struct runtime_job *job, const char *name, char *const *env, char **ret_path,
		 struct cmk_err *err);

/* --- user.c --- */
/* runtime_user_lookup() on the files' text. */
int user_lookup_text(const char *passwd, const char *groups, const char *text,
		     char *const *group_add, struct spec_user *ret, char **ret_home,
		     struct cmk_err *err);

/* The text of PATH below ROOT_FD, "" where it is none or no regular file. */
int user_read_file(int root_fd, const char *path, char **ret, struct cmk_err *err);
/* Whether a passwd or group file has a line for NAME or (where HAS_ID) ID. */
bool user_file_has(const char *file, const char *name, bool has_id, uint32_t id);
/* The first name of ID in a passwd or group file's text; owned, NULL where there is none. */
char *user_name_of(const char *file, uint32_t id);

/* --- passwd.c --- */
/* Adds the container's user and group to the files that lack them; after the mounts. */
int passwd_apply(const struct runtime_job *job, int root_fd, struct cmk_err *err);

/* --- caps.c --- */
int caps_drop_bounding(uint64_t keep, struct cmk_err *err);
int caps_set_all(uint64_t effective, uint64_t permitted, uint64_t inheritable, struct cmk_err *err);
int caps_set(uint64_t effective, uint64_t permitted, struct cmk_err *err);
