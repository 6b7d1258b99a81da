/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only libpod itself knows of containers' records: names, marks of what is under way, locks,
 * repair.
 */
#pragma once

#include <sys/socket.h>

#include "libpod/record/record.h"

struct sockaddr_un;

#define CONTAINER_SCHEMA 1
#define CONTAINER_ID_LEN 64
#define CONTAINER_RECORD_MAX (4 << 20)

/* --- record.c --- */
/* PATH relative to DIRFD ("ID/container.json" below the containers directory). RET is emptied by
 * container_free(). */
int container_config_load(int dirfd, const char *path, struct container_config *ret,
			  struct cmk_err *err);
int container_config_save(int dirfd, const struct container_config *cfg, bool durable,
			  struct cmk_err *err);
int container_status_load(int dirfd, const char *path, struct container_status *ret,
			  struct cmk_err *err);
enum state_load_flags {
	STATE_NOT_LIVE = 1 << 0, /* the caller knows that there is no live.json */
	STATE_LOCKED = 1 << 1,	 /* the caller has the lock: nobody is about to start it */
};
/* Fills status, live and state. */
int container_state_load(struct container *c, enum state_load_flags flags, struct cmk_err *err);
/* The inode of our pid namespace: pids mean nothing elsewhere (pid_namespaces(7)). */
uint64_t container_own_pid_ns(void);
/* Whether the pids in C's live record are of our pid namespace. */
bool container_pids_are_ours(const struct container *c);
/* Puts what "monitor lost" means into C's status, in memory. */
void container_state_lost(struct container *c);
/* RUN/containers/ID, made where absent: a descriptor. */
int container_run_dir(struct storage *st, const char *id, struct cmk_err *err);

/* --- remove_image.c --- */
/* --rmi: after the container of CFG, its image, where no other container uses it. */
/* The file of --cidfile, unless it has become another's. */
void container_remove_cidfile(const struct container_config *cfg);
void container_remove_image(struct storage *st, const struct container_config *cfg);

/* --- exec_session.c --- */
/*
 * RUN/exec/ID.SESSION stands for an exec session under way and names its monitor, whose life is
 * what counts: a record whose monitor has died is removed by who finds it.
 */
/* By the session's monitor, once its process runs. */
int exec_session_begin(struct storage *st, const char *id, const char *session,
		       struct cmk_err *err);
void exec_session_end(struct storage *st, const char *id, const char *session);
/* The sessions of container ID that run; owned. */
char **exec_session_list(struct storage *st, const char *id);
/* All of them, when the container goes. */
void exec_session_forget(struct storage *st, const char *id);

/* lookup.c: without it the container of this whole ID is being made or removed, or there is none.
 */
bool container_has_record(struct storage *st, const char *id);

/* --- name.c --- */
/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 128 bytes. */
bool container_name_valid(const char *name);
/* What users of docker's API write as "/name": behind the slash. */
const char *container_name_bare(const char *name);
/* Whole lower-case hex, LEN 1..64. */
bool container_id_prefix_valid(const char *s);
bool container_id_valid(const char *s);
/* 64 lower-case hex digits of getrandom(2). */
void container_id_new(char ret[static CONTAINER_ID_LEN + 1]);
/* "adjective_surname", the TRY-th choice carries a number from the fifth on; owned. */
char *container_name_random(unsigned int try);
/* The ID behind NAME; -ENOENT. */
int container_name_lookup(struct storage *st, const char *name,
			  char ret[static CONTAINER_ID_LEN + 1]);
/* Makes NAME -> ID: exactly one winner, -EEXIST (CMK_ERR_EXISTS) for the others. A dangling name,
 * or one of a --rm container that lost its monitor, is taken over. */
int container_name_claim(struct storage *st, const char *name, const char *id, struct cmk_err *err);

/* Removes NAME if it is (still) ID's. */
int container_name_remove(struct storage *st, const char *name, const char *id,
			  struct cmk_err *err);

/* --- rename.c --- */
/* Under the lock: removes what a killed rename left beside NAME, the one in the record; all of it
 * where NAME is NULL. */
void container_rename_finish(struct storage *st, const char *id, const char *name);
/* Under the lock: takes the name that another command has given C meanwhile, and finishes what that
 * could not. */
int container_rename_repair(struct container *c, struct cmk_err *err);

/* --- depend.c --- */
/* Before the record of ID: notes that it needs the container NEEDED. */
int container_dependent_add(struct storage *st, const char *needed, const char *id,
			    struct cmk_err *err);

/* --- connect.c --- */
/* The address of the monitor's socket in the run directory DIR_FD. */
socklen_t container_sock_address(int dir_fd, struct sockaddr_un *ret);

/* --- lookup.c --- */
/* CMK_ERR_NOT_FOUND in the peers' words; -ENOENT. */
int container_not_found(const char *name, struct cmk_err *err);
/* R, or where it is a failure and container ID ("" for none) has been removed meanwhile, that. */
int container_gone_or(struct storage *st, const char *id, const char *name, int r,
		      struct cmk_err *err);
/* By full id. */
int container_open_id(struct storage *st, const char *id, struct container **ret,
		      struct cmk_err *err);

/* --- repair.c --- */
/* flock(2) on DATA/containers/ID through a description of its own. NONBLOCK: -EWOULDBLOCK. */
int container_lock_id(struct storage *st, const char *id, bool nonblock, struct cmk_err *err);
/* flock(2) on the upper directory of the container at DIR_FD, for as long as it is mounted without
 * a process in it: who has it has had the container's lock. -ENOENT: it has none. */
int container_unmount_lock(int dir_fd);
/* container_refresh() for who has the lock. */
int container_refresh_locked(struct container *c, struct cmk_err *err);
/* Under the lock: the layers as the record has them by now; a commit may have added one. */
int container_layers_refresh(struct container *c, struct cmk_err *err);
/* Under the lock: ends what a lost monitor left and writes the status. */
int container_repair_locked(struct container *c, struct cmk_err *err);
/* Killed before it could write live.json, a monitor leaves its group where no record names it. */
void container_remove_stray_group(const struct container_config *cfg);
/* What the record says about its group; *RET borrows from it. */
struct cgroup_request;
int container_cgroup_request(const struct container_config *cfg, struct cgroup_request *ret,
			     struct cmk_err *err);
/* Modes of DATA/containers/ID: by its sticky bit a --rm container is known where a power cut has
 * emptied its record, which nothing has synced. */
#define CONTAINER_DIR 0700
#define CONTAINER_DIR_REMOVE 01700
/* A process that was killed closes its descriptors some time before it counts as dead (for an
 * inotify descriptor the kernel waits 14 ms): who saw its connection end waits for the rest. */
void container_await_monitor_death(const struct container *c);
/* RUN/unfinished/ID marks a creation under way, and a --rm container until it is erased. */
int container_unfinished_begin(struct storage *st, const char *id, struct cmk_err *err);
void container_unfinished_end(struct storage *st, const char *id);
/* Under the lock of ID: removes it where it is a remainder (no record; a --rm container that does
 * not run although its creator is gone). True where it is gone. NEW_BOOT: no process of it lives.
 */
bool container_reap_locked(struct storage *st, const char *id, const char *name, bool new_boot);
/* Removes what killed commands left and, once per boot, every --rm container that does not run. */
void container_sweep(struct storage *st);

/* --- bundle.c --- */
/* Adds the variables whose values are secrets: they stand in no file of the container, and are read
 * for each process. */
int container_secret_variables(const struct container *c, char ***env, struct cmk_err *err);
