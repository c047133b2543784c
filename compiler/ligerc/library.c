/* library.c: libligerc, the compiler behind one C call: see ligerc.h in the runtime. */
#include "ligerc.h"
#include "pipeline.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t ligerc_format(void) { return LGK_VERSION; }
void ligerc_free(void *pack) { free(pack); }

/* The first error in one line; false when there is none. */
static bool tell(const Diag *d, char *out, size_t room)
{
    uint32_t line, col;
    for (uint32_t i = 0; i < d->n; i++) {
        const DiagItem *it = &d->items[i];
        if (it->cls != DIAG_ERROR && it->cls != DIAG_LIMIT && it->cls != DIAG_BUG)
            continue;
        if (it->sp.file && it->sp.file < d->nfiles) {
            diag_line_col(d, it->sp, &line, &col);
            snprintf(out, room, "%s:%u:%u: %s", d->files[it->sp.file].name, (unsigned)line, (unsigned)col, it->msg);
        } else {
            snprintf(out, room, "%s", it->msg);
        }
        return true;
    }
    return false;
}

static int refuse(int code, char *out, size_t room, const char *why)
{
    snprintf(out, room, "%s", why);
    return code;
}

/* Units and their diagnostics are in res. */
static bool run(const PipeRequest *r, Source *s, PipeResult *res, PackWriter *w)
{
    if (!r->ntargets)
        return pipe_pack_kernels(r, s->arena, &s->diag, w);
    if (!pipe_run(r, s->arena, &s->diag, res) || res->failed)
        return false;
    pipe_pack(r, res, w);
    return true;
}

static int compile(const ligerc_request *q, const Target *t, Source *s, PipeResult *res, Buf *out, char *first, size_t room)
{
    jmp_buf oom;
    arena_on_oom(s->arena, &oom);
    if (setjmp(oom))
        return refuse(LIGERC_INTERNAL, first, room, "memory ran out");
    PipeRequest r = {.op = s->op, .source = &s->diag, .targets = {t}, .ntargets = t != NULL, .fix = q->bindings, .nfix = q->nbindings, .kernel = q->kernel,
                     .tuned = tuned_table, .jobs = 1, .ptx_only = true};
    PackWriter *w = pack_new(s->arena);
    if (run(&r, s, res, w) && (!t || res->n)) {
        pack_finish(w, out);
        return out->failed ? refuse(LIGERC_INTERNAL, first, room, "memory ran out") : LIGERC_OK;
    }
    bool told = tell(&s->diag, first, room);
    for (uint32_t i = 0; i < res->n && !told; i++)
        told = tell(&res->units[i].diag, first, room);
    return told ? LIGERC_INPUT : refuse(LIGERC_INPUT, first, room, "no kernel has these bindings");
}

static int open_and_compile(const ligerc_request *q, const Target *t, Buf *out, char *first, size_t room)
{
    Source s;
    PipeResult res = {0};
    bool ok = q->text ? source_open_text(&s, q->name ? q->name : "<text>", q->text, q->length) : source_open(&s, q->name);
    if (!s.arena)
        return refuse(LIGERC_INTERNAL, first, room, "memory ran out");
    int code = ok ? compile(q, t, &s, &res, out, first, room) : s.read_failed ? LIGERC_FILE : LIGERC_INPUT;
    if (!ok && !tell(&s.diag, first, room))
        refuse(code, first, room, "memory ran out");
    pipe_free(&res);
    source_close(&s);
    return code;
}

int ligerc_compile(const ligerc_request *q, void **pack, size_t *size, char *first, size_t room)
{
    Buf out = {0};
    char none[1];
    first = room ? first : none;
    room = room ? room : sizeof none;
    *first = 0;
    if (!q || q->size < sizeof *q || (!q->text && !q->name) || !pack || !size)
        return refuse(LIGERC_ARGUMENT, first, room, "wanted a request with its size, a spec, and places for the pack");
    *pack = NULL;
    *size = 0;
    const Target *t = q->target ? target_for_chip(q->target) : NULL;
    if (q->target && !t)
        return refuse(LIGERC_UNSUPPORTED, first, room, "no such target");
    int code = open_and_compile(q, t, &out, first, room);
    if (code == LIGERC_OK) {
        *pack = out.p;
        *size = out.n;
    } else {
        buf_free(&out);
    }
    return code;
}
