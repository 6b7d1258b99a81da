// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <fcntl.h>
#include <sys/random.h>

#include "base/file.h"
#include "libpod/record/internal.h"

#define NAME_MAX_LEN 128

static const char *const adjectives[] = {
	"able",	   "agile",    "amber",	  "ample",  "apt",    "arch",	 "avid",   "balmy",
	"blithe",  "bold",     "brave",	  "breezy", "bright", "brisk",	 "calm",   "candid",
	"chipper", "civil",    "clear",	  "clever", "comely", "cosy",	 "crisp",  "curious",
	"deft",	   "dapper",   "dreamy",  "eager",  "early",  "earnest", "easy",   "elated",
	"fair",	   "fearless", "festive", "fleet",  "fond",   "frank",	 "fresh",  "gallant",
	"gentle",  "gifted",   "glad",	  "golden", "grand",  "hale",	 "handy",  "hardy",
	"hearty",  "honest",   "humble",  "jaunty", "jolly",  "joyful",	 "keen",   "kind",
	"lively",  "loyal",    "lucid",	  "lucky",  "mellow", "merry",	 "mild",   "mirthful",
	"modest",  "neat",     "nifty",	  "nimble", "noble",  "patient", "peppy",  "placid",
	"plucky",  "polite",   "prompt",  "proud",  "quick",  "quiet",	 "ready",  "rosy",
	"sage",	   "serene",   "sharp",	  "snug",   "spry",   "steady",	 "sturdy", "sunny",
	"swift",   "tender",   "tidy",	  "upbeat", "vivid",  "warm",	 "witty",  "zesty",
};

static const char *const surnames[] = {
	"abel",	   "agnesi",	 "ampere",    "avogadro",   "banach",	"bell",	   "bernoulli",
	"bessel",  "bohr",	 "boole",     "born",	    "brahe",	"brown",   "cantor",
	"cauchy",  "celsius",	 "clarke",    "codd",	    "cohn",	"coulomb", "crick",
	"dalton",  "davy",	 "dirac",     "doppler",    "earhart",	"erdos",   "euler",
	"faraday", "fermi",	 "fibonacci", "fourier",    "franklin", "frege",   "galois",
	"gauss",   "germain",	 "gibbs",     "godel",	    "goodall",	"haber",   "halley",
	"hamming", "heisenberg", "herschel",  "hilbert",    "hooke",	"hubble",  "huygens",
	"joule",   "kepler",	 "khorana",   "kolmogorov", "lagrange", "laplace", "leibniz",
	"liskov",  "lorentz",	 "lovelace",  "markov",	    "maxwell",	"meitner", "mendel",
	"minsky",  "mirzakhani", "napier",    "newton",	    "noether",	"ohm",	   "oppenheimer",
	"pascal",  "pasteur",	 "pauli",     "peano",	    "perlman",	"planck",  "poincare",
	"ptolemy", "ramanujan",	 "ride",      "riemann",    "rubin",	"russell", "sagan",
	"shannon", "tarski",	 "tesla",     "thales",	    "torvalds", "turing",  "vaughan",
	"volta",   "watt",	 "wiles",     "wu",	    "yalow",
};

bool container_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_LEN || !isalnum((unsigned char)name[0]) ||
	    (unsigned char)name[0] > 127)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '.' || c == '-'))
			return false;
	}
	return true;
}

const char *container_name_bare(const char *name)
{
	return name[0] == '/' ? name + 1 : name;
}

bool container_id_prefix_valid(const char *s)
{
	size_t len = strspn(s, "0123456789abcdef");

	return len > 0 && len <= CONTAINER_ID_LEN && s[len] == '\0';
}

bool container_id_valid(const char *s)
{
	return strlen(s) == CONTAINER_ID_LEN && container_id_prefix_valid(s);
}

static void random_bytes(void *p, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = getrandom((char *)p + got, len - got, 0);

		if (n > 0)
			got += (size_t)n;
		else if (errno != EINTR)
			abort();
	}
}

void container_id_new(char ret[static CONTAINER_ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t raw[CONTAINER_ID_LEN / 2];

	random_bytes(raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++) {
		ret[2 * i] = digits[raw[i] >> 4];
		ret[2 * i + 1] = digits[raw[i] & 15];
	}
	ret[CONTAINER_ID_LEN] = '\0';
}

char *container_name_random(unsigned int try)
{
	uint32_t r[2];
	const char *adjective, *surname;

	random_bytes(r, sizeof(r));
	adjective = adjectives[r[0] % ARRAY_LEN(adjectives)];
	surname = surnames[r[1] % ARRAY_LEN(surnames)];
	/* With thousands of containers free pairs get rare. */
	if (try >= 5)
		return xasprintf("%s_%s%u", adjective, surname, (r[0] >> 8) % 100000);
	return xasprintf("%s_%s", adjective, surname);
}

int container_name_lookup(struct storage *st, const char *name,
			  char ret[static CONTAINER_ID_LEN + 1])
{
	char id[CONTAINER_ID_LEN + 2];
	ssize_t n = readlinkat(st->container_names_fd, name, id, sizeof(id));

	if (n < 0)
		return -errno;
	if (n != CONTAINER_ID_LEN)
		return -ENOENT;
	id[n] = '\0';
	if (!container_id_prefix_valid(id))
		return -ENOENT;
	memcpy(ret, id, sizeof(id) - 1);
	return 0;
}

/* A killed rename left it: the record has another name. */
static bool link_is_stale(struct storage *st, const char *name, const char *holder)
{
	struct container *c = NULL;
	bool stale;

	if (container_open_id(st, holder, &c, NULL) < 0)
		return false;
	stale = !streq(c->cfg.name, name);
	(void)container_free(c);
	return stale && container_name_remove(st, name, holder, NULL) == 0;
}

/*
 * Whether the holder of a name is only a remainder, which is then removed: a directory without a
 * record whose creator is dead, no directory at all, or a --rm container that lost its monitor or
 * was never started by the command that made it.
 */
static bool holder_is_gone(struct storage *st, const char *name, const char *holder)
{
	cleanup_close int lock = container_lock_id(st, holder, true, NULL);

	if (lock == -ENOENT)
		return true;
	if (lock < 0)
		return false;
	if (link_is_stale(st, name, holder))
		return true;
	return container_reap_locked(st, holder, name, false);
}

/* Under a lock of the names' directory, so that two that found the same remainder do not undo each
 * other. */
static int take_over(struct storage *st, const char *name, const char *holder, const char *id)
{
	cleanup_close int lock = openat(st->container_names_fd, ".",
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char now[CONTAINER_ID_LEN + 1], tmp[NAME_MAX_LEN];
	int r;

	if (lock < 0)
		return -errno;
	r = file_lock(lock, true, false);
	if (r < 0)
		return r;
	r = container_name_lookup(st, name, now);
	if (r == 0 && !streq(now, holder))
		return -EEXIST;
	/* Names begin with a letter or digit: this is none. */
	(void)snprintf(tmp, sizeof(tmp), ".%s", id);
	if (symlinkat(id, st->container_names_fd, tmp) < 0)
		return -errno;
	if (renameat(st->container_names_fd, tmp, st->container_names_fd, name) < 0) {
		r = -errno;
		(void)unlinkat(st->container_names_fd, tmp, 0);
		return r;
	}
	return 0;
}

int container_name_claim(struct storage *st, const char *name, const char *id, struct cmk_err *err)
{
	char holder[CONTAINER_ID_LEN + 1] = "";
	int r;

	if (symlinkat(id, st->container_names_fd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return cmk_err_errno(err, "take the name '%s'", name);
	r = container_name_lookup(st, name, holder);
	if (r == -ENOENT || (r == 0 && holder_is_gone(st, name, holder))) {
		/* Removing the remainder removed its name as well, mostly. */
		if (symlinkat(id, st->container_names_fd, name) == 0)
			return 0;
		r = take_over(st, name, holder, id);
		if (r == 0)
			return 0;
	}
	cmk_err_kind(
		err, CMK_ERR_EXISTS, -EEXIST,
		"creating container storage: the container name \"%s\" is already in use by %s. "
		"You have to remove that container to be able to reuse that name: that name is "
		"already in use, or use --replace",
		name, holder);
	return -EEXIST;
}
