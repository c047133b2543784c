/* cmd_inspect.c: `ligerc inspect`: what a pack file holds, as text or JSON.
 *
 * The file is read through the runtime's own checks, and every piece of code is compared with its digest: what is shown is what the
 * runtime would load.
 */
#include "inspect_json.h"
#include "lgr_int.h"
#include "options.h"
#include "output.h"
#include "pack_view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fail(Diag *d, int status, const char *path, const char *what)
{
    diag_report(d, DIAG_ERROR, status == EXIT_FILE ? LG_NONE : LG_PACK, (Span){0}, "%s: %s", path, what);
    return status;
}

static int read_pack(const char *path, Buf *b, Diag *d)
{
    char piece[65536];
    size_t n;
    errno = 0;
    FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    while (f && (n = fread(piece, 1, sizeof piece, f)) > 0 && !b->failed)
        buf_put(b, piece, n);
    bool ok = f && !ferror(f) && !b->failed;
    int code = errno;
    if (f && f != stdin)
        fclose(f);
    return ok ? EXIT_DONE : fail(d, EXIT_FILE, path, strerror(code ? code : b->failed ? ENOMEM : EIO));
}

/* The manifest by the runtime's reader, then the code, which the runtime would look at when it is loaded. */
static int check_pack(lgr_context *ctx, const char *path, const Buf *b, Diag *d)
{
    if (!b->n || lgr_pack_open_memory(ctx, b->p, b->n) != LGR_OK)
        return fail(d, EXIT_INPUT, path, b->n ? lgr_last_error()->found : "the file is empty");
    const Pack *p = ctx->packs;
    for (uint32_t i = 0; i < p->head->table[LGK_T_CODES].count; i++)
        if (!lgr__code_intact(p, &p->t_CODES[i]))
            return fail(d, EXIT_INPUT, path, arena_strf(d->arena, "the digest of code %u does not match: the pack is damaged", (unsigned)i));
    return EXIT_DONE;
}

static int inspect_file(const Options *o, const char *path, Buf *out, Diag *d)
{
    Buf b = {0};
    lgr_context *ctx = NULL;
    int status = read_pack(path, &b, d);
    if (status == EXIT_DONE && lgr_context_create(NULL, &ctx) != LGR_OK)
        status = fail(d, EXIT_INTERNAL, path, "memory ran out");
    if (status == EXIT_DONE)
        status = check_pack(ctx, path, &b, d);
    if (status == EXIT_DONE && !strcmp(o->format, "json")) {
        if (!inspect_json(b.p, path, out))
            status = fail(d, EXIT_INTERNAL, path, "memory ran out");
    } else if (status == EXIT_DONE) {
        if (o->nfiles > 1)
            buf_printf(out, "%s:\n", path);
        pack_manifest(b.p, false, d->arena, out);
    }
    lgr_context_destroy(ctx);
    buf_free(&b);
    return status;
}

int cmd_inspect(const Options *o)
{
    Buf out = {0};
    Diag d;
    int worst = EXIT_DONE;
    bool json = !strcmp(o->format, "json"), many = o->nfiles > 1;
    Arena *a = arena_new();
    if (!a)
        return EXIT_INTERNAL;
    diag_init(&d, a);
    if (!strcmp(o->format, "csv"))
        worst = EXIT_USAGE, diag_report(&d, DIAG_ERROR, LG_NONE, (Span){0}, "--format=csv: a pack is shown as text or json");
    buf_puts(&out, json && many ? "[\n" : "");
    for (uint32_t i = 0, n = 0; i < o->nfiles && worst != EXIT_USAGE; i++) {
        buf_puts(&out, n && json ? ",\n" : n ? "\n" : "");
        int status = inspect_file(o, o->files[i], &out, &d);
        n += status == EXIT_DONE;
        worst = status > worst ? status : worst;
    }
    buf_puts(&out, json && many ? "\n]\n" : json ? "\n" : "");
    if (!o->nfiles)
        worst = EXIT_USAGE, diag_report(&d, DIAG_ERROR, LG_NONE, (Span){0}, "no pack to inspect; try --help");
    if (worst == EXIT_DONE && !output_file(o->output ? o->output : "-", &out, &d))
        worst = EXIT_FILE;
    show_diagnostics(o, &d);
    buf_free(&out);
    arena_free(a);
    return worst;
}
