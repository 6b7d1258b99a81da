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
#include "base/strbuf.h"
#include "libpod/option/helper.h"
#include "libpod/runtime/seccomp_compiled.h"
#include "libpod/runtime/seccomp_profile.h"
#include "storage/storage.h"

#define ENTRY_MAX                                                                           \
	(sizeof(struct seccomp_compiled) + SECCOMP_INSNS_MAX * sizeof(struct sock_filter) + \
	 SECCOMP_LISTENER_MAX + DIGEST_HEX_LEN)

void seccomp_filter_done(struct seccomp_filter *f)
{
	free(f->insns);
	free(f->listener_path);
	free(f->listener_metadata);
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

/* The capabilities in one order, so that the order of --cap-add makes no second entry. */
static char *sorted_caps(char *const *caps)
{
	cleanup_strv char **v = strv_dup(caps);

	strv_sort(v);
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

/* What the helper wrote, nothing else. */
static int take_compiled(const char *data, size_t len, struct seccomp_filter *ret)
{
	struct seccomp_compiled head;
	size_t code_len;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, data, sizeof(head));
	code_len = head.n * sizeof(struct sock_filter);
	if (head.magic != SECCOMP_COMPILED_MAGIC || head.n == 0 || head.n > SECCOMP_INSNS_MAX ||
	    head.path_len > SECCOMP_LISTENER_MAX || head.metadata_len > SECCOMP_LISTENER_MAX ||
	    (head.notifies != 0) != (head.path_len != 0) ||
	    len != sizeof(head) + code_len + head.path_len + head.metadata_len)
		return -EBADMSG;
	data += sizeof(head);
	ret->insns = xmemdup(data, code_len);
	ret->n = (uint16_t)head.n;
	ret->flags = head.flags;
	if (head.notifies) {
		ret->listener_path = xstrndup(data + code_len, head.path_len);
		ret->listener_metadata = xstrndup(data + code_len + head.path_len,
						  head.metadata_len);
	}
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

static int compile_profile(const char *profile, const char *text, size_t text_len, const char *caps,
			   char **ret, size_t *ret_len, struct cmk_err *err)
{
	const char *const args[] = { text ? "-" : "default", caps, NULL };
	int r = helper_run("cmk-seccomp", args, text, text_len, ENTRY_MAX, ret, ret_len, err);

	return r < 0 ? cmk_err_wrap(err, r, "seccomp profile '%s'", profile) : 0;
}

int seccomp_filter_get_text(const char *name, const char *text, size_t text_len, char *const *caps,
			    int cache_dirfd, struct seccomp_filter *ret, struct cmk_err *err)
{
	cleanup_free char *caps_text = sorted_caps(caps), *data = NULL;
	struct digest key;
	size_t len = 0;
	int r;

	cache_key(name, text, text_len, caps_text, &key);
	if (cache_dirfd >= 0 && cache_load(cache_dirfd, key.hex, ret) == 0)
		return 0;
	log_debug("compile seccomp profile '%s' as %s", name, key.hex);
	r = compile_profile(name, text, text_len, caps_text, &data, &len, err);
	if (r < 0)
		return r;
	r = take_compiled(data, len, ret);
	if (r < 0)
		return cmk_err_set(err, r, "seccomp profile '%s': cmk-seccomp answered badly",
				   name);
	if (cache_dirfd >= 0)
		cache_store(cache_dirfd, key.hex, data, len);
	return 0;
}

/* Of one that is not built in; "default" leaves *RET NULL. */
static int read_profile(const char *profile, char **ret, size_t *ret_len, struct cmk_err *err)
{
	int r;

	if (streq(profile, "default"))
		return 0;
	r = file_read_at(AT_FDCWD, profile, SECCOMP_PROFILE_MAX, ret, ret_len, err);
	return r < 0 ? cmk_err_wrap(err, r, "seccomp profile") : 0;
}

int seccomp_filter_get(const char *profile, char *const *caps, int cache_dirfd,
		       struct seccomp_filter *ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (streq(profile, "unconfined")) {
		*ret = (struct seccomp_filter){ 0 };
		return 0;
	}
	r = read_profile(profile, &text, &len, err);
	return r < 0 ? r : seccomp_filter_get_text(profile, text, len, caps, cache_dirfd, ret, err);
}

int seccomp_text_get(const char *profile, char *const *caps, char **ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *caps_text = sorted_caps(caps);
	const char *args[] = { NULL, caps_text, "text", NULL };
	size_t len = 0;
	int r;

	*ret = NULL;
	if (streq(profile, "unconfined"))
		return 0;
	r = read_profile(profile, &text, &len, err);
	if (r < 0)
		return r;
	args[0] = text ? "-" : "default";
	r = helper_run("cmk-seccomp", args, text, len, SECCOMP_PROFILE_MAX, ret, &len, err);
	return r < 0 ? cmk_err_wrap(err, r, "seccomp profile '%s'", profile) : 0;
}

int seccomp_filter_install(const struct seccomp_filter *f, int *ret_listener, struct cmk_err *err)
{
	struct sock_fprog prog = { .len = f->n, .filter = f->insns };
	unsigned int listen = f->listener_path ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
	long r;

	*ret_listener = -1;
	if (!f->insns)
		return 0;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, f->flags | listen, &prog);
	if (r < 0)
		return cmk_err_errno(err, "install the seccomp filter");
	if (listen)
		*ret_listener = (int)r;
	return 0;
}
