/* request.c: from the command line to what is asked of each spec: files opened, bindings handed to the ops that know them. */
#include "options.h"

#include <string.h>

static bool names(const char *assignment, const char *name)
{
    size_t n = strcspn(assignment, "=");
    return strlen(name) == n && !memcmp(name, assignment, n);
}

static bool op_knows(const SemaOp *op, const char *assignment)
{
    for (uint32_t i = 0; i < op->ntypes; i++)
        if (names(assignment, op->types[i].name))
            return true;
    for (uint32_t i = 0; i < op->noptions; i++)
        if (names(assignment, op->options[i].name))
            return true;
    return false;
}

/* The nearest type or option of any op, NULL when none is near. */
static const char *nearest(const Source *src, uint32_t n, const char *name)
{
    const char *best = NULL;
    for (uint32_t s = 0; s < n && !best; s++) {
        const SemaOp *op = src[s].op;
        const char *known[SEMA_MAX_TYPES + SEMA_MAX_OPTIONS];
        uint32_t k = 0;
        for (uint32_t i = 0; i < op->ntypes; i++)
            known[k++] = op->types[i].name;
        for (uint32_t i = 0; i < op->noptions; i++)
            known[k++] = op->options[i].name;
        best = diag_nearest(name, known, k);
    }
    return best;
}

/* Of several specs each takes what is its own; what no spec takes is a mistake. */
static bool all_known(const Options *o, Source *src, uint32_t n)
{
    Diag *d = &src[0].diag;
    for (uint32_t f = 0; f < o->nfix; f++) {
        bool known = false;
        for (uint32_t s = 0; s < n; s++)
            known |= op_knows(src[s].op, o->fix[f]);
        if (known)
            continue;
        const char *name = arena_strn(d->arena, o->fix[f], strcspn(o->fix[f], "=")), *near = nearest(src, n, name);
        diag_report(d, DIAG_ERROR, LG_NAME, (Span){0}, near ? "no type or option of these specs is called %.60s; did you mean %s?" : "no type or option of these specs is called %.60s", name, near);
    }
    return !d->nerrors;
}

/* The table of --tuned, once for all specs. */
static bool table_reads(const Options *o, Diag *d)
{
    return !o->tuned_text || sched_tuned_read(o->tuned_text, diag_add_file(d, o->tuned, o->tuned_text, strlen(o->tuned_text)), d);
}

int request_open(const Options *o, Source *src)
{
    int status = EXIT_DONE;
    for (uint32_t i = 0; i < o->nfiles; i++)
        if (!source_open(&src[i], o->files[i]))
            status = src[i].read_failed ? EXIT_FILE : status == EXIT_DONE ? EXIT_INPUT : status;
    if (status == EXIT_DONE && !table_reads(o, &src[0].diag))
        status = EXIT_INPUT;
    if (status == EXIT_DONE && o->nfiles > 1 && !all_known(o, src, o->nfiles))
        status = EXIT_USAGE;
    for (uint32_t i = 0; i < o->nfiles && status != EXIT_DONE; i++)
        show_diagnostics(o, &src[i].diag);
    return status;
}

void request_close(const Options *o, Source *src)
{
    for (uint32_t i = 0; i < o->nfiles; i++)
        source_close(&src[i]);
}

/* Options that the command line leaves open, at the spec's defaults. */
static void add_defaults(const Source *s, PipeRequest *r, const char **fix)
{
    for (uint32_t i = 0; i < s->op->noptions && r->nfix < OPTIONS_MAX_FIX; i++) {
        const SemaOption *p = &s->op->options[i];
        bool said = false;
        for (uint32_t k = 0; k < r->nfix; k++)
            said |= names(fix[k], p->name);
        if (!said)
            fix[r->nfix++] = arena_strf(s->arena, "%s=%s", p->name, p->choice[p->defval]);
    }
}

PipeRequest request_of(const Options *o, const Source *s, const char **fix)
{
    PipeRequest r = {.op = s->op, .source = &s->diag, .ntargets = o->ntargets, .fix = fix, .kernel = o->kernel, .jobs = o->jobs, .ptx_only = o->ptx_only, .fallback = o->fallback};
    memcpy(r.targets, o->targets, sizeof r.targets);
    r.tuned = o->tuned_text ? o->tuned_text : tuned_table;
    r.tuned_name = o->tuned_text ? o->tuned : "generated/tuned.txt";
    for (uint32_t i = 0; i < o->nfix; i++)
        if (o->nfiles == 1 || op_knows(s->op, o->fix[i]))
            fix[r.nfix++] = o->fix[i];
    if (o->defaults)
        add_defaults(s, &r, fix);
    return r;
}
