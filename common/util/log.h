/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

/*
 * log - one line per event, to standard error or syslog.  What would be more
 * than text in it, such as a server's escape sequences, is written as '?'.
 *
 * error: somebody lost or may lose something.  warn: we work around it.
 * info: the state changed.  debug: the rest.  Never a key, a token, a URL
 * with a query or a file's name.  Any thread may call.
 */

enum log_level {
	LOG_LEVEL_ERROR = 0,
	LOG_LEVEL_WARN = 1,
	LOG_LEVEL_INFO = 2,
	LOG_LEVEL_DEBUG = 3,
};

/* Lines above this level are dropped.  The default is LOG_LEVEL_WARN. */
void log_set_level(enum log_level l);
/* From now on to a file (opened for append, 0600) instead of standard error
 * or of the last file.  Returns 0 or a negative errno. */
int log_to_file(const char *path);
void log_write(enum log_level l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
