/* SPDX-License-Identifier: Apache-2.0 */
/* Option rows of the commands that talk to registries: TYPE is that of the command's arguments, the
 * member has the option's name. */
#pragma once

#include "cmd/option.h"
#include "image/image.h"

#define CMK_OPT_AUTHFILE(type_)                                                                   \
	CMK_OPT_STRING(0, "authfile", type_, authfile, "FILE", "read credentials from this file", \
		       .complete = COMPLETE_FILES)
#define CMK_OPT_CERT_DIR(type_)                               \
	CMK_OPT_STRING(0, "cert-dir", type_, cert_dir, "DIR", \
		       "read certificates from this directory", .complete = COMPLETE_DIRS)
#define CMK_OPT_CREDS(type_) \
	CMK_OPT_STRING(0, "creds", type_, creds, "USER[:PASSWORD]", "use these credentials")
#define CMK_OPT_DIGESTFILE(type_)                                  \
	CMK_OPT_STRING(0, "digestfile", type_, digestfile, "FILE", \
		       "write the manifest's digest to this file", .complete = COMPLETE_FILES)
#define CMK_OPT_RETRY(type_)                                                                     \
	CMK_OPT_OF(OPT_UINT32, 0, "retry", type_, retry, "N",                                    \
		   "try a failed request again up to N times", .def = "3", .min = 0, .max = 100, \
		   .conf = "engine.retry")
#define CMK_OPT_RETRY_DELAY(type_)                                                             \
	CMK_OPT_STRING(0, "retry-delay", type_, retry_delay, "DURATION",                       \
		       "wait so long before the first of these, then twice as long each time", \
		       .def = "1s", .conf = "engine.retry_delay")
/* Those of struct image_signing, which is the member `sign`. */
#define CMK_OPT_SIGNING(type_)                                                                     \
	CMK_OPT_STRING(0, "sign-by", type_, sign.gpg_key, "KEY", "sign with this key of GnuPG"),   \
		CMK_OPT_STRING(0, "sign-by-sigstore", type_, sign.params_file, "FILE",             \
			       "sign as this file of parameters says",                             \
			       .complete = COMPLETE_FILES),                                        \
		CMK_OPT_STRING(0, "sign-by-sigstore-private-key", type_, sign.private_key, "FILE", \
			       "sign with this private key of sigstore",                           \
			       .complete = COMPLETE_FILES),                                        \
		CMK_OPT_STRING(0, "sign-passphrase-file", type_, sign.passphrase_file, "FILE",     \
			       "read the key's passphrase from this file",                         \
			       .complete = COMPLETE_FILES)
#define CMK_OPT_SIGNATURE_POLICY(type_)                                        \
	CMK_OPT_STRING(0, "signature-policy", type_, signature_policy, "FILE", \
		       "read the policy for images from this file", .complete = COMPLETE_FILES)
/* docker's word, beside the row of --tls-verify. */
#define CMK_OPT_INSECURE(type_)                                                                  \
	CMK_OPT_FLAG(0, "insecure", type_, insecure, "as --tls-verify=false, in docker's words", \
		     .excludes = "tls-verify")
#define CMK_TLS_VERIFY(args_) ((args_)->insecure ? 0 : (args_)->tls_verify)
#define CMK_OPT_TLS_VERIFY(type_)                                          \
	CMK_OPT_OF(OPT_TRISTATE, 0, "tls-verify", type_, tls_verify, NULL, \
		   "require HTTPS and verify certificates")
