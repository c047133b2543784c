/* cases.c: see cases.h.
 *
 * --shapes is a list of shapes: `8192x4096`, sizes of the kernel's dims in the order in which it declares them, separated by commas; or
 * `M=8192,N=4096`, separated by semicolons, where other names go into the case as they are (below=, order=); or whole cases,
 * `op.kernel:NAME=VALUE,..`, which only their own kernel takes.
 */
#include "cases.h"
#include "pack_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool names(const char *assignment, const char *name)
{
    size_t n = strcspn(assignment, "=");
    return strlen(name) == n && !memcmp(name, assignment, n);
}

static bool fixed(const PipeRequest *r, const char *name)
{
    for (uint32_t i = 0; i < r->nfix; i++)
        if (names(r->fix[i], name))
            return true;
    return false;
}

void cases_narrow(const Source *s, PipeRequest *r, const char **fix, DType type)
{
    const SemaOp *op = s->op;
    for (uint32_t i = 0; i < op->ntypes && r->nfix < OPTIONS_MAX_FIX; i++) {
        DType dt = op->types[i].choice[0];
        for (uint32_t k = 0; k < op->types[i].n; k++)
            dt = op->types[i].choice[k] == type ? type : dt;
        if (!fixed(r, op->types[i].name))
            fix[r->nfix++] = arena_strf(s->arena, "%s=%s", op->types[i].name, dt_name(dt));
    }
    for (uint32_t i = 0; i < op->noptions && r->nfix < OPTIONS_MAX_FIX; i++)
        if (!fixed(r, op->options[i].name))
            fix[r->nfix++] = arena_strf(s->arena, "%s=%s", op->options[i].name, op->options[i].choice[op->options[i].defval]);
}

/* ---- shapes ---- */

/* What a case is made of: "rms_norm.forward", the names of the dims, and "T=bf16 affine=true" of the binding. */
typedef struct Kernel { const char *name, *dims[TIR_MAX_DIMS]; char *binding; uint32_t ndims; } Kernel;

static const char *dims_text(const Kernel *k, Arena *a)
{
    const char *t = "";
    for (uint32_t i = 0; i < k->ndims; i++)
        t = arena_strf(a, "%s%s%s", t, i ? ", " : "", k->dims[i]);
    return t;
}

static bool wrong_shape(const Kernel *k, const char *shape, Arena *a, Diag *d)
{
    const char *t = "";
    for (uint32_t i = 0; i < k->ndims; i++)
        t = arena_strf(a, "%s%s%s=1024", t, i ? "," : "", k->dims[i]);
    diag_report(d, DIAG_ERROR, LG_NONE, (Span){0}, "--shapes: `%.80s` is no shape of %s: wanted the sizes of %s, as 1024x4096 or %s", shape, k->name, dims_text(k, a), t);
    return false;
}

static bool is_size(const char *p, size_t n)
{
    return n > 0 && n < 16 && strspn(p, "0123456789") >= n;
}

/* "8192x4096" to "M=8192,N=4096"; NULL when it is no such thing. */
static const char *by_order(const Kernel *k, const char *shape, Arena *a)
{
    const char *t = "";
    uint32_t i = 0;
    for (const char *p = shape;; i++) {
        size_t n = strcspn(p, "x");
        if (i == k->ndims || !is_size(p, n))
            return NULL;
        t = arena_strf(a, "%s%s%s=%.*s", t, i ? "," : "", k->dims[i], (int)n, p);
        p += n;
        if (!*p++)
            break;
    }
    return i + 1 == k->ndims ? t : NULL;
}

/* "M=8192,N=4096" when every dim has its size; NULL otherwise. A dim of another kernel of the op is passed over. */
static const char *by_name(const Kernel *k, const SemaOp *op, const char *shape, Arena *a)
{
    const char *t = "";
    uint32_t have = 0;
    for (const char *p = shape; *p;) {
        size_t n = strcspn(p, ","), eq = strcspn(p, "=");
        bool dim = false, other = false;
        if (eq >= n)
            return NULL;
        for (uint32_t i = 0; i < k->ndims; i++)
            dim |= names(p, k->dims[i]);
        for (uint32_t i = 0; op && i < op->ndims; i++)
            other |= !dim && names(p, op->dims[i].name);
        if (dim && !is_size(p + eq + 1, n - eq - 1))
            return NULL;
        have += dim;
        if (!other)
            t = arena_strf(a, "%s%s%.*s", t, *t ? "," : "", (int)n, p);
        p += n + (p[n] == ',');
    }
    return have == k->ndims ? t : NULL;
}

static bool add_case(const Kernel *k, const char *sizes, Arena *a, Cases *out, Diag *d)
{
    char *binding = arena_strf(a, "%s", k->binding);
    for (char *c = binding; *c; c++)
        *c = *c == ' ' ? ',' : *c;
    const char *text = strchr(sizes, ':') ? sizes : arena_strf(a, "%s:%s%s%s", k->name, sizes, *binding ? "," : "", binding);
    for (uint32_t i = 0; i < out->n; i++)
        if (!strcmp(out->text[i], text))
            return true;
    if (strlen(text) >= CASE_ROOM || out->n == CASES_MAX) {
        diag_report(d, DIAG_ERROR, LG_NONE, (Span){0}, out->n == CASES_MAX ? "--shapes: more than %d cases" : "--shapes: a case longer than %d characters", out->n == CASES_MAX ? CASES_MAX : CASE_ROOM);
        return false;
    }
    out->text[out->n++] = text;
    return true;
}

static bool add_shape(const Kernel *k, const SemaOp *op, const char *shape, Arena *a, Cases *out, Diag *d)
{
    if (strchr(shape, ':'))
        return strncmp(shape, k->name, strlen(k->name)) || shape[strlen(k->name)] != ':' || add_case(k, shape, a, out, d);
    const char *sizes = strchr(shape, '=') ? by_name(k, op, shape, a) : by_order(k, shape, a);
    return sizes ? add_case(k, sizes, a, out, d) : wrong_shape(k, shape, a, d);
}

/* Shapes with names are divided by semicolons, those without by commas too. */
static bool add_shapes(const char *shapes, const Kernel *k, const SemaOp *op, Arena *a, Cases *out, Diag *d)
{
    if (!shapes || !*shapes) {
        diag_report(d, DIAG_ERROR, LG_NONE, (Span){0}, "--shapes wants shapes, for example --shapes=8192x4096,65536x4096; %s has the dims %s", k->name, dims_text(k, a));
        return false;
    }
    for (const char *p = shapes; *p;) {
        size_t n = strcspn(p, ";"), bare = strcspn(p, ",;");
        if (!memchr(p, '=', n))
            n = bare;
        if (n && !add_shape(k, op, arena_strn(a, p, n), a, out, d))
            return false;
        p += n + (p[n] != 0);
    }
    return true;
}

/* ---- whose ---- */

/* " affine=true" is left out where that is the default: a case names what differs. */
static void drop_word(char *words, const char *word)
{
    size_t n = strlen(word);
    for (char *p = words; *p; p += strcspn(p, " "), p += *p == ' ')
        if (!strncmp(p, word, n) && (p[n] == ' ' || !p[n])) {
            char *from = p[n] ? p : p > words ? p - 1 : p;
            memmove(from, p + n + (p[n] == ' '), strlen(p + n + (p[n] == ' ')) + 1);
            return;
        }
}

bool cases_of(const Options *o, const SemaOp *op, const PipeUnit *u, Arena *a, Cases *out, Diag *d)
{
    const SemaKernel *sk = &op->kernels[u->kernel];
    Kernel k = {.name = arena_strf(a, "%s.%s", op->name, sk->name), .ndims = sk->ndims, .binding = arena_strf(a, "%s", sema_binding_text(op, (int)u->kernel, &u->binding, a))};
    for (uint32_t i = 0; i < sk->ndims; i++)
        k.dims[i] = op->dims[sk->dims[i]].name;
    for (uint32_t i = 0; i < op->noptions; i++)
        drop_word(k.binding, arena_strf(a, "%s=%s", op->options[i].name, op->options[i].choice[op->options[i].defval]));
    return add_shapes(o->shapes, &k, op, a, out, d);
}

/* Is the NAME=VALUE at p one of those that the command line asks of NAME, or does it ask for none? */
static bool value_agrees(const Options *o, const char *p)
{
    size_t name = strcspn(p, "=") + 1, all = strcspn(p, " ");
    bool asked = false, hit = false;
    for (uint32_t i = 0; i < o->nfix; i++) {
        asked |= !strncmp(p, o->fix[i], name);
        hit |= strlen(o->fix[i]) == all && !strncmp(p, o->fix[i], all);
    }
    return hit || !asked;
}

static bool binding_agrees(const Options *o, const char *binding)
{
    bool agrees = true;
    for (const char *p = binding; *p; p += strcspn(p, " "), p += *p == ' ')
        agrees &= value_agrees(o, p);
    return agrees;
}

static bool add_instance(const Options *o, const PackView *v, const LgkKernel *lk, const LgkInstance *n, Arena *a, Cases *out, Diag *d)
{
    Buf b = {0};
    Kernel k = {.name = arena_strf(a, "%s.%s", pack_view_str(v, lk->op), pack_view_str(v, lk->name)), .ndims = lk->dims.count};
    for (uint32_t i = 0; i < k.ndims; i++)
        k.dims[i] = pack_view_str(v, v->t_NAMES[lk->dims.first + i].name);
    pack_put_binding(v, lk, n, &b);
    k.binding = arena_strf(a, "%.*s", (int)b.n, b.p ? b.p : "");
    buf_free(&b);
    bool mine = binding_agrees(o, k.binding) && !strchr(k.binding, '*');
    for (uint32_t i = 0; i < lk->options.count; i++) {
        const LgkOption *p = &v->t_OPTIONS[lk->options.first + i];
        drop_word(k.binding, arena_strf(a, "%s=%s", pack_view_str(v, p->name), pack_view_choice(v, p, p->def)));
    }
    return !mine || add_shapes(o->shapes, &k, NULL, a, out, d);
}

bool cases_of_pack(const Options *o, const void *pack, Arena *a, Cases *out, Diag *d)
{
    PackView v = pack_view(pack);
    for (uint32_t i = 0; i < pack_view_count(&v, LGK_T_KERNELS); i++) {
        const LgkKernel *k = &v.t_KERNELS[i];
        if (!strcmp(pack_view_str(&v, k->op), "copy") || (o->kernel && strcmp(o->kernel, pack_view_str(&v, k->name))))
            continue;
        for (uint32_t n = 0; n < k->instances.count; n++)
            if (!add_instance(o, &v, k, &v.t_INSTANCES[k->instances.first + n], a, out, d))
                return false;
    }
    return true;
}

/* ---- row lengths ---- */

static int64_t size_in(const char *text, const char *name)
{
    const char *p = strchr(text, ':');
    while (p && p[1]) {
        if (names(p + 1, name))
            return atoll(p + 2 + strlen(name));
        p = strchr(p + 1, ',');
    }
    return 0;
}

/* Instances times row length; row gets the latter. 0 where an extent does not divide. */
static double elements_of(const LowKernel *low, const int64_t *dims, int64_t *row)
{
    double n = 1;
    int64_t one;
    for (uint32_t i = 0; i < low->ninst; i++)
        n *= tir_ext_eval(low->inst_ext[i], dims, &one) ? (double)one : 0;
    return tir_ext_eval(low->row_ext, dims, row) ? n * (double)*row : 0;
}

void cases_lengths(const PipeUnit *u, const char *text, CaseLengths *out)
{
    int64_t dims[TIR_MAX_DIMS] = {0}, row, length = 0;
    double most = 0;
    uint32_t nest = 0, k = 0;
    for (uint32_t i = 0; i < u->fn->ndims; i++)
        dims[i] = size_in(text, u->fn->dims[i].name);
    for (uint32_t i = 0; i < u->n; i++) {
        double n = u->variants[i].low ? elements_of(u->variants[i].low, dims, &row) : 0;
        if (n > most) {
            most = n;
            nest = u->variants[i].nest;
            length = row;
        }
    }
    while (k < out->n && (out->length[k] != length || out->nest[k] != nest))
        k++;
    if (k == out->n && k < 64 && length > 0 && length <= 1 << 30) {
        out->length[k] = (int32_t)length;
        out->nest[k] = nest;
        out->n++;
    }
}
