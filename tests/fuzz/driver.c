/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * driver FILE|FOLDER... - give every file to a fuzz target once, without
 * libFuzzer: for replaying a corpus, and under a debugger.  Each input lies
 * at the end of an allocation of its size, so a read past it is caught.
 * To find more than the corpus has, every input is also given cut short at
 * each of its first and last bytes and with single bytes changed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (16 << 20)
#define CUTS 64
#define CHANGES 256

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static unsigned long inputs;

static void
give(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	memcpy(copy, p, n);
	(void)LLVMFuzzerTestOneInput(copy, n);	/* always 0 */
	free(copy);
	inputs++;
}

static void
give_variants(uint8_t *p, size_t n)
{
	uint32_t x = 2463534242u;
	size_t i, at;
	uint8_t old;

	give(p, n);
	for (i = 0; i < CUTS && i < n; i++) {
		give(p, i);
		give(p, n - 1 - i);
	}
	for (i = 0; i < CHANGES && n > 0; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		at = i < 64 && i < n ? i : x % n;
		old = p[at];
		p[at] ^= (uint8_t)(i % 3 == 0 ? 0xff : 1u << (x % 8));
		give(p, n);
		p[at] = old;
	}
}

static int
replay_file(const char *path, size_t size)
{
	uint8_t *p;
	FILE *f;
	size_t n;

	if (size > INPUT_MAX) {
		fprintf(stderr, "%s: too large\n", path);
		return -1;
	}
	f = fopen(path, "rb");
	p = malloc(size ? size : 1);
	if (!f || !p) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(p);
		return -1;
	}
	n = fread(p, 1, size, f);
	fclose(f);
	give_variants(p, n);
	free(p);
	return 0;
}

static int
replay(const char *path)
{
	struct dirent *e;
	struct stat st;
	char *sub;
	DIR *d;
	int r = 0;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path, (size_t)st.st_size);
	d = opendir(path);
	if (!d)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&sub, "%s/%s", path, e->d_name) < 0)
			abort();
		if (replay(sub) < 0)
			r = -1;
		free(sub);
	}
	closedir(d);
	return r;
}

int
main(int argc, char **argv)
{
	int i, r = 0;

	for (i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			r = 1;
	give((const uint8_t *)"", 0);
	printf("%lu inputs\n", inputs);
	/* The empty input alone is no corpus. */
	return inputs < 2 ? 1 : r;
}
