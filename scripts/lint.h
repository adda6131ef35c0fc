/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For cppcheck alone, which reads no system header: macros that set their
 * arguments, as far as it must know.
 */
#define HASH_ITER(hh, head, el, tmp) \
	for ((el) = (head), (tmp) = (head); (el); (el) = (tmp))
#define HASH_DEL(head, el) ((head) = (head) == (el) ? NULL : (head))
#define HASH_COUNT(head) ((head) ? 1u : 0u)
#define TAILQ_HEAD(name, type) \
	struct name { struct type *first, **last; }
#define STAILQ_HEAD TAILQ_HEAD
#define LIST_HEAD TAILQ_HEAD
#define SLIST_HEAD TAILQ_HEAD
#define TAILQ_FOREACH(el, head, link) \
	for ((el) = (head)->first; (el); (el) = (el)->link.next)
#define LIST_FOREACH TAILQ_FOREACH
#define SLIST_FOREACH TAILQ_FOREACH
#define TAILQ_ENTRY(type) struct { struct type *next, **prev; }
#define TAILQ_FOREACH_SAFE(el, head, link, tmp) \
	for ((el) = (head)->first, (tmp) = (el); (el); (el) = (tmp))
#define HASH_FIND(hh, head, key, len, out) ((out) = (head))
#define json_array_foreach(array, i, el) \
	for ((i) = 0; (i) < json_array_size(array) && \
	    ((el) = json_array_get(array, i)); (i)++)
