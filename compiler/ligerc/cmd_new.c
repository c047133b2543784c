/* cmd_new.c: `ligerc new NAME`: a small spec to begin from, that passes `ligerc check` as it stands. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const char new_spec[];               /* new.tile; its op is called NEW */

/* "path/soft_cap.tile" and "path/soft_cap" to "soft_cap"; NULL when that is no name of an op. */
static const char *op_of(const char *path, Arena *a)
{
    const char *leaf = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t n = strlen(leaf);
    if (n > 5 && !strcmp(leaf + n - 5, ".tile"))
        n -= 5;
    if (!n || n > 40 || !islower((unsigned char)*leaf) || strspn(leaf, "abcdefghijklmnopqrstuvwxyz0123456789_") < n)
        return NULL;
    return arena_strn(a, leaf, n);
}

static int write_new(const char *path, const char *op)
{
    const char *at = strstr(new_spec, "NEW");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (f)
        fprintf(f, "%.*s%s%s", (int)(at - new_spec), new_spec, op, at + 3);
    if (f && !ferror(f) && !fclose(f))
        return EXIT_DONE;
    fprintf(stderr, "ligerc: new: %s: %s\n", path, errno == EEXIST ? "is there already; it is not written over" : strerror(errno));
    return EXIT_FILE;
}

int cmd_new(const Options *o)
{
    const char *op = o->nfiles == 1 ? op_of(o->files[0], o->words) : NULL;
    if (!op) {
        fprintf(stderr, "ligerc: new: wanted the name of an op: small letters, digits and _\n");
        return EXIT_USAGE;
    }
    size_t n = strlen(o->files[0]);
    bool whole = n > 5 && !strcmp(o->files[0] + n - 5, ".tile");
    return write_new(arena_strf(o->words, "%s%s", o->files[0], whole ? "" : ".tile"), op);
}
