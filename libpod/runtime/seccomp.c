// SPDX-License-Identifier: Apache-2.0
#include "libpod/runtime/seccomp.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "libpod/runtime/seccomp_compiled.h"
#include "storage/storage.h"

#define PROFILE_MAX (1 << 20)
#define ENTRY_MAX                                                                           \
	(sizeof(struct seccomp_compiled) + SECCOMP_INSNS_MAX * sizeof(struct sock_filter) + \
	 DIGEST_HEX_LEN)

void seccomp_filter_done(struct seccomp_filter *f)
{
	free(f->insns);
	*f = (struct seccomp_filter){ 0 };
}

/* Our own build: the linker's build id. The first object of the list is the program itself. */
static int add_build_id(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct strbuf *key = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		const char *p = (const char *)info->dlpi_addr + ph->p_vaddr, *end = p + ph->p_memsz;

		while (ph->p_type == PT_NOTE && p + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)p;
			const char *desc = p + sizeof(*note) + ((note->n_namesz + 3) & ~3u);

			if (note->n_type == NT_GNU_BUILD_ID)
				strbuf_add(key, desc, note->n_descsz);
			p = desc + ((note->n_descsz + 3) & ~3u);
		}
	}
	return 1;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The capabilities in one order, so that the order of --cap-add makes no second entry. */
static char *sorted_caps(char *const *caps)
{
	cleanup_strv char **v = strv_dup(caps);

	if (v)
		qsort(v, strv_len(v), sizeof(*v), compare_strings);
	return strv_join(v, ",");
}

static void cache_key(const char *profile, const char *text, size_t len, const char *caps,
		      struct digest *ret)
{
	cleanup_strbuf struct strbuf key = STRBUF_INIT;
	struct utsname uts;

	strbuf_addf(&key, "%s\n%s\n%s\n", PACKAGE_VERSION, caps, text ? "file" : profile);
	(void)dl_iterate_phdr(add_build_id, &key);
	if (uname(&uts) == 0)
		strbuf_addf(&key, "\n%s %s\n", uts.machine, uts.release);
	if (text)
		strbuf_add(&key, text, len);
	digest_of(key.data, key.len, ret);
}

static bool library_unchanged(const struct seccomp_compiled *head)
{
	struct stat st;

	return memchr(head->library, '\0', sizeof(head->library)) && head->library[0] &&
	       stat(head->library, &st) == 0 && st.st_ino == head->library_ino &&
	       (uint64_t)st.st_size == head->library_size &&
	       seccomp_stat_mtime_ns(&st) == head->library_mtime_ns;
}

/* What the helper wrote: head and instructions, nothing else. */
static int take_compiled(const char *data, size_t len, struct seccomp_filter *ret)
{
	struct seccomp_compiled head;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, data, sizeof(head));
	if (head.magic != SECCOMP_COMPILED_MAGIC || head.n == 0 || head.n > SECCOMP_INSNS_MAX ||
	    len != sizeof(head) + head.n * sizeof(struct sock_filter))
		return -EBADMSG;
	ret->insns = xmemdup(data + sizeof(head), head.n * sizeof(struct sock_filter));
	ret->n = (uint16_t)head.n;
	return 0;
}

/* An entry is the helper's output followed by its digest. */
static int cache_load(int dirfd, const char *name, struct seccomp_filter *ret)
{
	cleanup_free char *data = NULL;
	struct seccomp_compiled head;
	struct digest sum;
	size_t len = 0;
	int r;

	r = file_read_at(dirfd, name, ENTRY_MAX, &data, &len, NULL);
	if (r < 0)
		return r;
	if (len < sizeof(head) + DIGEST_HEX_LEN)
		return -EBADMSG;
	len -= DIGEST_HEX_LEN;
	digest_of(data, len, &sum);
	memcpy(&head, data, sizeof(head));
	if (memcmp(data + len, sum.hex, DIGEST_HEX_LEN) != 0 || !library_unchanged(&head))
		return -EBADMSG;
	return take_compiled(data, len, ret);
}

static void cache_store(int dirfd, const char *name, const char *data, size_t len)
{
	cleanup_strbuf struct strbuf entry = STRBUF_INIT;
	struct digest sum;

	digest_of(data, len, &sum);
	strbuf_add(&entry, data, len);
	strbuf_add(&entry, sum.hex, DIGEST_HEX_LEN);
	/* Not stored is only slower next time. */
	(void)file_replace_at(dirfd, name, entry.data, entry.len, 0600, 0, NULL);
}

static void cmk_noreturn exec_helper(const char *profile, const char *caps, int in, int out,
				     int errfd)
{
	cleanup_free char *path = xasprintf("%s/cmk-seccomp", process_libexec_dir());

	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(errfd, STDERR_FILENO) < 0)
		_exit(125);
	process_close_others(NULL, 0);
	(void)execl(path, "cmk-seccomp", profile, caps, (char *)NULL);
	(void)dprintf(STDERR_FILENO, "%s: %s\n", path, errno_text(errno));
	_exit(127);
}

/* A file for the profile's text or the messages, without a name. */
static int scratch_file(const char *text, size_t len, struct cmk_err *err)
{
	cleanup_close int fd = (int)syscall(SYS_memfd_create, "cmk-seccomp", 1U /* MFD_CLOEXEC */);

	if (fd < 0)
		return cmk_err_errno(err, "memfd_create");
	if (write_all(fd, text, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "write");
	return steal_fd(&fd);
}

static int helper_failed(int errfd, const char *profile, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (lseek(errfd, 0, SEEK_SET) < 0 || file_read_fd(errfd, 65536, &text, &len, NULL) < 0)
		text = xstrdup("cmk-seccomp failed");
	text[strcspn(text, "\n")] = '\0';
	return cmk_err_kind(err, CMK_ERR_INVALID, -EINVAL, "seccomp profile '%s': %s", profile,
			    *text ? text : "cmk-seccomp died");
}

static int compile_profile(const char *profile, const char *text, size_t text_len, const char *caps,
			   char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_close int in = -1, errfd = -1, rd = -1, wr = -1;
	int p[2], status, r;
	pid_t pid;

	in = scratch_file(text, text_len, err);
	if (in < 0)
		return in;
	errfd = scratch_file("", 0, err);
	if (errfd < 0)
		return errfd;
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	rd = p[0];
	wr = p[1];
	pid = process_fork("cmk-seccomp", 0, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		exec_helper(text ? "-" : "default", caps, in, wr, errfd);
	(void)close(steal_fd(&wr));
	r = file_read_fd(rd, ENTRY_MAX, ret, ret_len, err);
	(void)close(steal_fd(&rd));
	status = process_reap(pid);
	if (r < 0)
		return cmk_err_wrap(err, r, "seccomp profile '%s'", profile);
	if (status != 0)
		return helper_failed(errfd, profile, err);
	return 0;
}

int seccomp_filter_get(const char *profile, char *const *caps, int cache_dirfd,
		       struct seccomp_filter *ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *caps_text = NULL, *data = NULL;
	size_t text_len = 0, len = 0;
	struct digest key;
	int r;

	if (streq(profile, "unconfined")) {
		*ret = (struct seccomp_filter){ 0 };
		return 0;
	}
	if (!streq(profile, "default")) {
		r = file_read_at(AT_FDCWD, profile, PROFILE_MAX, &text, &text_len, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "seccomp profile");
	}
	caps_text = sorted_caps(caps);
	cache_key(profile, text, text_len, caps_text, &key);
	if (cache_dirfd >= 0 && cache_load(cache_dirfd, key.hex, ret) == 0)
		return 0;
	log_debug("compile seccomp profile '%s' as %s", profile, key.hex);
	r = compile_profile(profile, text, text_len, caps_text, &data, &len, err);
	if (r < 0)
		return r;
	r = take_compiled(data, len, ret);
	if (r < 0)
		return cmk_err_set(err, r, "seccomp profile '%s': cmk-seccomp answered badly",
				   profile);
	if (cache_dirfd >= 0)
		cache_store(cache_dirfd, key.hex, data, len);
	return 0;
}

int seccomp_filter_install(const struct seccomp_filter *f, struct cmk_err *err)
{
	struct sock_fprog prog = { .len = f->n, .filter = f->insns };

	if (!f->insns)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return cmk_err_errno(err, "install the seccomp filter");
	return 0;
}
