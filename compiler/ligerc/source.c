/* source.c: see source.h. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_stream(FILE *f, Buf *b)
{
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0 && b->n <= AST_MAX_BYTES)
        buf_put(b, piece, n);
    bool ok = !ferror(f) && !b->failed;
    buf_put(b, "", 1);
    return ok && !b->failed;
}

static bool read_file(Source *s, const char *path, Buf *b)
{
    FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    bool ok = f && read_stream(f, b);
    if (!ok)
        diag_report(&s->diag, DIAG_ERROR, LG_NONE, (Span){0}, "%s: %s", path, strerror(errno ? errno : EIO));
    if (f && f != stdin)
        fclose(f);
    return ok;
}

static bool start(Source *s)
{
    memset(s, 0, sizeof *s);
    s->arena = arena_new();
    if (s->arena)
        diag_init(&s->diag, s->arena);
    errno = 0;
    return s->arena != NULL;
}

/* b: the text and a NUL. */
static bool open_text(Source *s, const char *name, const Buf *b)
{
    s->text = b->p;
    uint32_t file = diag_add_file(&s->diag, name, b->p, b->n - 1);
    AstSpec *ast = ast_parse(file, s->arena, &s->diag);
    if (!s->diag.nerrors)
        s->op = sema_open(ast, s->arena, &s->diag);
    return s->op && !s->diag.nerrors;
}

bool source_open(Source *s, const char *path)
{
    Buf b = {0};
    if (!start(s))
        return false;
    s->read_failed = !read_file(s, path, &b);
    if (!s->read_failed)
        return open_text(s, strcmp(path, "-") ? path : "<stdin>", &b);
    s->text = b.p;
    return false;
}

bool source_open_text(Source *s, const char *name, const char *text, size_t n)
{
    Buf b = {0};
    if (!start(s))
        return false;
    buf_put(&b, text, n);
    buf_put(&b, "", 1);
    if (!b.failed)
        return open_text(s, name, &b);
    s->read_failed = true;
    s->text = b.p;
    return false;
}

void source_close(Source *s)
{
    arena_free(s->arena);
    free(s->text);
    memset(s, 0, sizeof *s);
}
