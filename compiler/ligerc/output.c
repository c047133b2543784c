/* output.c: see output.h. */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Buf *outputs_add(Outputs *s, const char *leaf)
{
    Output *o = ARENA_PUSH(s->a, s->o, s->n, s->cap);
    o->leaf = leaf;
    return &o->data;
}

void outputs_free(Outputs *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        buf_free(&s->o[i].data);
}

bool output_is_folder(const char *path)
{
    struct stat st;
    size_t n = strlen(path);
    return n && (path[n - 1] == '/' || (!stat(path, &st) && S_ISDIR(st.st_mode)));
}

static bool unchanged(const char *path, const Buf *b)
{
    FILE *f = fopen(path, "rb");
    char piece[65536];
    size_t at = 0, n;
    if (!f)
        return false;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0 && at + n <= b->n && !memcmp(piece, b->p + at, n))
        at += n;
    bool same = n == 0 && at == b->n && !ferror(f);
    fclose(f);
    return same;
}

static bool cannot(Diag *d, const char *path, const char *what)
{
    diag_report(d, DIAG_ERROR, LG_NONE, (Span){0}, "%s: %s: %s", path, what, strerror(errno ? errno : EIO));
    return false;
}

static bool put_all(FILE *f, const Buf *b) { return !b->n || fwrite(b->p, 1, b->n, f) == b->n; }

bool output_file(const char *path, const Buf *b, Diag *d)
{
    char temp[4096];
    struct stat st;
    errno = 0;
    if (!strcmp(path, "-"))
        return (put_all(stdout, b) && !fflush(stdout)) || cannot(d, "standard output", "cannot write");
    if (!stat(path, &st) && !S_ISREG(st.st_mode)) {        /* a device or a pipe is written to, not replaced */
        FILE *f = fopen(path, "wb");
        bool ok = f && put_all(f, b);
        return (f && !fclose(f) && ok) || cannot(d, path, "cannot write");
    }
    if (unchanged(path, b))
        return true;
    if ((size_t)snprintf(temp, sizeof temp, "%s.%ld", path, (long)getpid()) >= sizeof temp)
        return errno = ENAMETOOLONG, cannot(d, path, "cannot write");
    FILE *f = fopen(temp, "wb");
    bool ok = f && put_all(f, b);
    ok = f && !fclose(f) && ok && !rename(temp, path);
    if (ok)
        return true;
    cannot(d, path, "cannot write");
    unlink(temp);
    return false;
}

/* The folder and those above it. */
static bool make_folder(Arena *a, const char *path, Diag *d)
{
    char *p = arena_strf(a, "%s", path);
    for (char *c = p + 1; *p; c++)
        if (*c == '/' || !*c) {
            char keep = *c;
            *c = 0;
            if (mkdir(p, 0777) && errno != EEXIST)
                return cannot(d, p, "cannot make the folder");
            *c = keep;
            if (!keep)
                break;
        }
    return output_is_folder(path) || (errno = ENOTDIR, cannot(d, path, "several files want a folder"));
}

bool outputs_write(Outputs *s, const char *where, bool folder, Diag *d)
{
    if (folder && !make_folder(s->a, where, d))
        return false;
    size_t n = strlen(where);
    const char *slash = n && where[n - 1] == '/' ? "" : "/";
    for (uint32_t i = 0; i < s->n; i++) {
        Output *o = &s->o[i];
        o->path = !folder ? where : !strcmp(where, ".") ? o->leaf : arena_strf(s->a, "%s%s%s", where, slash, o->leaf);
        if (!output_file(o->path, &o->data, d))
            return false;
    }
    return true;
}

static void put_make_name(Buf *b, const char *s)
{
    for (; *s; s++) {
        buf_puts(b, *s == '$' ? "$" : *s == ' ' || *s == '#' ? "\\" : "");
        buf_put(b, s, 1);
    }
}

bool outputs_rule(const Outputs *s, const char *const *inputs, uint32_t n, const char *path, Diag *d)
{
    Buf b = {0};
    for (uint32_t i = 0; i < s->n; i++) {
        put_make_name(&b, s->o[i].path);
        buf_puts(&b, i + 1 < s->n ? " \\\n " : ":");
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!strcmp(inputs[i], "-"))
            continue;
        buf_puts(&b, " ");
        put_make_name(&b, inputs[i]);
    }
    buf_puts(&b, "\n");
    bool ok = !b.failed && output_file(path, &b, d);
    buf_free(&b);
    return ok;
}
