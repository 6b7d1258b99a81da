// SPDX-License-Identifier: Apache-2.0
/* Texts of a container's /etc/resolv.conf and /etc/hosts. The host's files are read, bounded, and
 * only what is understood goes into the container's. */
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "network/network.h"
#include "network/resolv.h"

enum { HOST_FILE_MAX = 256 << 10 };

void resolv_done(struct resolv *r)
{
	r->servers = strv_free(r->servers);
	r->searches = strv_free(r->searches);
	r->options = strv_free(r->options);
}

/* Next word of *P before END, or false. */
static bool next_word(const char **p, const char *end, const char **ret, size_t *ret_len)
{
	const char *s = *p;

	while (s < end && (*s == ' ' || *s == '\t' || *s == '\r'))
		s++;
	*ret = s;
	while (s < end && *s != ' ' && *s != '\t' && *s != '\r')
		s++;
	*p = s;
	*ret_len = (size_t)(s - *ret);
	return *ret_len > 0;
}

static bool word_is(const char *w, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(w, name, len) == 0;
}

/* Printable ASCII without white space, as all of these words are. */
static bool word_is_plain(const char *w, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (w[i] <= ' ' || w[i] > '~')
			return false;
	return len > 0 && len < 256;
}

static bool is_ip(const char *s)
{
	cleanup_free char *bare = xstrndup(s, strcspn(s, "%")); /* fe80::1%eth0 */
	struct in6_addr a;

	return inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, bare, &a) == 1;
}

static void add_words(const char *p, const char *end, char ***list)
{
	const char *w;
	size_t len;

	while (next_word(&p, end, &w, &len) && strv_len(*list) < RESOLV_WORDS_MAX)
		if (word_is_plain(w, len))
			strv_add_take(list, xstrndup(w, len));
}

static void parse_line(const char *p, const char *end, struct resolv *r)
{
	const char *w;
	size_t len;

	if (!next_word(&p, end, &w, &len) || *w == '#' || *w == ';')
		return;
	if (word_is(w, len, "nameserver")) {
		if (!next_word(&p, end, &w, &len) || !word_is_plain(w, len))
			return;
		strv_add_take(&r->servers, xstrndup(w, len));
		if (!is_ip(r->servers[strv_len(r->servers) - 1]) ||
		    strv_len(r->servers) > RESOLV_SERVERS_MAX) {
			size_t last = strv_len(r->servers) - 1;

			free(r->servers[last]);
			r->servers[last] = NULL;
		}
	} else if (word_is(w, len, "search") || word_is(w, len, "domain")) {
		r->searches = strv_free(r->searches); /* the last one counts: resolv.conf(5) */
		add_words(p, end, &r->searches);
	} else if (word_is(w, len, "options")) {
		add_words(p, end, &r->options);
	}
}

void resolv_parse(const char *text, size_t len, struct resolv *ret)
{
	const char *end = text + len;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));

		if (!nl)
			nl = end;
		parse_line(text, nl, ret);
		text = nl + 1;
	}
}

static void write_list(struct strbuf *sb, const char *key, char *const *list)
{
	if (!strv_len(list))
		return;
	strbuf_adds(sb, key);
	for (size_t i = 0; list[i]; i++)
		strbuf_addf(sb, " %s", list[i]);
	strbuf_addc(sb, '\n');
}

static int check_given(char *const *servers, char *const *searches, char *const *options,
		       struct cmk_err *err)
{
	for (size_t i = 0; servers && servers[i]; i++)
		if (!is_ip(servers[i]) || !word_is_plain(servers[i], strlen(servers[i])))
			return cmk_err_set(err, -EINVAL, "DNS server '%s': not an IP address",
					   servers[i]);
	for (size_t i = 0; searches && searches[i]; i++)
		if (!word_is_plain(searches[i], strlen(searches[i])))
			return cmk_err_set(err, -EINVAL, "DNS search domain '%s': not a domain",
					   searches[i]);
	for (size_t i = 0; options && options[i]; i++)
		if (!word_is_plain(options[i], strlen(options[i])))
			return cmk_err_set(err, -EINVAL, "DNS option '%s': not an option",
					   options[i]);
	return 0;
}

/* The built-in server that can forward to what the host has: libslirp takes queries to its IPv4
 * address to the host's first IPv4 server, and the same for IPv6. */
static void add_builtin_servers(const struct resolv *host, struct strbuf *sb)
{
	bool v4 = false, v6 = false;

	for (size_t i = 0; host->servers && host->servers[i]; i++) {
		bool colon = strchr(host->servers[i], ':');

		v4 = v4 || !colon;
		v6 = v6 || colon;
	}
	if (v4 || !v6)
		strbuf_addf(sb, "nameserver %s\n", NETWORK_SLIRP_DNS4);
	if (v6)
		strbuf_addf(sb, "nameserver %s\n", NETWORK_SLIRP_DNS6);
}

int network_resolv_conf(enum network_mode mode, char *const *servers, char *const *searches,
			char *const *options, char **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup(resolv_done) struct resolv host = { 0 };
	cleanup_free char *text = NULL;
	bool given = strv_len(servers) || strv_len(searches) || strv_len(options);
	size_t len = 0;
	int r = check_given(servers, searches, options, err);

	if (r < 0)
		return r;
	/* Whose it is is not known; most are made by who has the host's servers. */
	if (mode == NETWORK_PATH)
		mode = NETWORK_HOST;
	/* A host without one resolves through localhost: an empty file says the same. */
	if (mode != NETWORK_NONE &&
	    file_read_at(AT_FDCWD, "/etc/resolv.conf", HOST_FILE_MAX, &text, &len, NULL) == 0) {
		if (mode == NETWORK_HOST && !given) {
			*ret = steal_ptr(&text);
			return 0;
		}
		resolv_parse(text, len, &host);
	}
	/* "." alone is how users say: no search list. */
	if (strv_len(searches) != 1 || !streq(searches[0], "."))
		write_list(&sb, "search", strv_len(searches) ? searches : host.searches);
	for (size_t i = 0; servers && servers[i]; i++)
		strbuf_addf(&sb, "nameserver %s\n", servers[i]);
	if (!strv_len(servers)) {
		if (mode == NETWORK_SLIRP)
			add_builtin_servers(&host, &sb);
		for (size_t i = 0; mode == NETWORK_HOST && host.servers && host.servers[i]; i++)
			strbuf_addf(&sb, "nameserver %s\n", host.servers[i]);
	}
	write_list(&sb, "options", strv_len(options) ? options : host.options);
	*ret = strbuf_steal(&sb);
	return 0;
}

/* The host's address on the route to the world (no packet is sent), by which a container reaches
 * services of the host that do not listen on its loopback alone. */
static bool host_address(char *buf, socklen_t size)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(53) };
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);

	/* 192.0.2.1 is nobody's (RFC 5737); its route is the default one. */
	a.sin_addr.s_addr = htonl(0xc0000201);
	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	       getsockname(fd, (struct sockaddr *)&a, &len) == 0 &&
	       a.sin_addr.s_addr != htonl(INADDR_LOOPBACK) &&
	       inet_ntop(AF_INET, &a.sin_addr, buf, size);
}

static bool hostname_ok(const char *s, size_t len)
{
	return word_is_plain(s, len) && !memchr(s, '#', len);
}

/* "name[;name…]:ip", or docker's "name=ip", as --add-host takes it. */
static int add_host(const char *spec, const char *gateway, struct strbuf *sb, struct cmk_err *err)
{
	const char *colon = strchr(spec, '=') ?: strchr(spec, ':'), *ip = colon ? colon + 1 : NULL;
	cleanup_free char *bare = NULL;
	size_t n;

	if (!colon || colon == spec)
		return cmk_err_set(err, -EINVAL,
				   "bad format for add-host: '%s': the form is name:ip", spec);
	if (streq(ip, "host-gateway")) {
		if (!*gateway)
			return cmk_err_set(err, -EOPNOTSUPP,
					   "host '%s': this network cannot reach the host", spec);
		ip = gateway;
	}
	n = strlen(ip);
	if (n > 2 && ip[0] == '[' && ip[n - 1] == ']')
		ip = bare = xstrndup(ip + 1, n - 2);
	if (!is_ip(ip) || !word_is_plain(ip, strlen(ip)))
		return cmk_err_set(err, -EINVAL, "invalid IP address in add-host: '%s' of '%s'", ip,
				   spec);
	strbuf_addf(sb, "%s\t", ip);
	for (const char *p = spec, *end; p <= colon; p = end + 1) {
		end = memchr(p, ';', (size_t)(colon - p));
		if (!end)
			end = colon;
		if (!hostname_ok(p, (size_t)(end - p)))
			return cmk_err_set(err, -EINVAL, "host '%s': not a host name", spec);
		strbuf_addf(sb, "%s%.*s", p == spec ? "" : " ", (int)(end - p), p);
	}
	strbuf_addc(sb, '\n');
	return 0;
}

/* --- a container's hosts file ------------------------------------------------------------------
 */

/* The entries of another hosts file, without its comments and what is no entry. */
static void add_base(const char *text, size_t len, struct strbuf *sb)
{
	const char *end = text + len;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text)), *stop = nl ? nl : end,
			   *w;
		const char *hash = memchr(text, '#', (size_t)(stop - text));
		cleanup_free char *ip = NULL;
		size_t n, names = 0;

		stop = hash ? hash : stop;
		if (next_word(&text, stop, &w, &n) && word_is_plain(w, n))
			ip = xstrndup(w, n);
		while (ip && is_ip(ip) && next_word(&text, stop, &w, &n)) {
			if (!word_is_plain(w, n))
				continue;
			strbuf_addf(sb, "%s%s%.*s", names ? "" : ip, names ? " " : "\t", (int)n, w);
			names++;
		}
		if (names)
			strbuf_addc(sb, '\n');
		text = nl ? nl + 1 : end;
	}
}

/* All names in TEXT, a hosts file of ours. */
static char **names_in(const char *text)
{
	char **names = NULL;

	while (*text) {
		const char *end = text + strcspn(text, "\n"), *w;
		size_t len;

		(void)next_word(&text, end, &w, &len);
		while (next_word(&text, end, &w, &len))
			strv_add_take(&names, xstrndup(w, len));
		text = *end ? end + 1 : end;
	}
	return names;
}

/* A line for those of two names that TAKEN lacks. */
static void add_names(const char *ip, const char *a, const char *b, char *const *taken,
		      struct strbuf *sb)
{
	const char *names[] = { a, streq_null(a, b) ? NULL : b };
	const char *before = NULL;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!names[i] || !hostname_ok(names[i], strlen(names[i])) ||
		    strv_has(taken, names[i]))
			continue;
		strbuf_addf(sb, "%s%s%s", before ? "" : ip, before ? " " : "\t", names[i]);
		before = names[i];
	}
	if (before)
		strbuf_addc(sb, '\n');
}

/* The whole name first: what gethostbyname(3) calls the canonical one. */
static void add_own_names(const struct network_hosts_args *a, char *const *taken, struct strbuf *sb)
{
	const char *ip = a->mode == NETWORK_SLIRP ? NETWORK_SLIRP_IP4 : "127.0.0.1";
	cleanup_free char *full = a->hostname && a->domainname
					  ? xasprintf("%s.%s", a->hostname, a->domainname)
					  : NULL;

	if (!full) {
		add_names(ip, a->hostname, a->name, taken, sb);
		return;
	}
	add_names(ip, full, a->hostname, taken, sb);
	add_names(ip, streq_null(a->name, a->hostname) ? NULL : a->name, NULL, taken, sb);
}

int network_hosts(const struct network_hosts_args *a, char **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_strv char **taken = NULL;
	char gateway[INET6_ADDRSTRLEN] = "";

	if (a->internal_ip && !streq(a->internal_ip, "none") && !is_ip(a->internal_ip))
		return cmk_err_set(err, -EINVAL,
				   "address of host.containers.internal: '%s' is neither an IP "
				   "address nor none",
				   a->internal_ip);
	if (a->internal_ip)
		(void)snprintf(gateway, sizeof(gateway), "%s",
			       streq(a->internal_ip, "none") ? "" : a->internal_ip);
	else if (a->mode == NETWORK_HOST)
		(void)snprintf(gateway, sizeof(gateway), "127.0.0.1");
	else if (a->mode == NETWORK_SLIRP && !host_address(gateway, sizeof(gateway)))
		gateway[0] = '\0';
	/* The caller's lines first: the first match counts. */
	for (size_t i = 0; a->add && a->add[i]; i++) {
		int r = add_host(a->add[i], gateway, &sb, err);

		if (r < 0)
			return r;
	}
	if (a->base)
		add_base(a->base, a->base_len, &sb);
	taken = names_in(strbuf_str(&sb));
	add_names("127.0.0.1", "localhost", "localhost.localdomain", taken, &sb);
	add_names("::1", "localhost", "localhost.localdomain", taken, &sb);
	/* With --net=host the names are the host's own, and its file has them. */
	if (a->mode != NETWORK_HOST)
		add_own_names(a, taken, &sb);
	if (*gateway)
		add_names(gateway, "host.containers.internal", "host.docker.internal", taken, &sb);
	*ret = strbuf_steal(&sb);
	return 0;
}
