/* sema_binding.c: bindings of types and options: listing, naming, setting.
 *
 * In: a SemaOp.  Out: bindings in a fixed order (types slowest, options fastest, as declared).  Holds nothing.
 */
#include "sema_in.h"
#include <string.h>

SemaBinding sema_binding_default(const SemaOp *op)
{
    SemaBinding b = { { 0 }, { 0 } };
    for (uint32_t i = 0; i < op->ntypes; i++) b.type[i] = (uint8_t)op->types[i].defval;
    for (uint32_t i = 0; i < op->noptions; i++) b.option[i] = (uint8_t)op->options[i].defval;
    return b;
}

/* Bit set of types that a tensor present under b has. */
static uint32_t live_types(const SemaOp *op, uint32_t kernel, const SemaBinding *b)
{
    uint32_t live = 0;
    const SemaKernel *k = &op->kernels[kernel];
    for (uint32_t t = 0; t < k->ntensors; t++)
        if (k->tensors[t].type >= 0 && sema_tensor_present(op, kernel, t, b)) live |= 1u << k->tensors[t].type;
    return live;
}

SemaBinding sema_binding_normal(const SemaOp *op, uint32_t kernel, SemaBinding b)
{
    SemaBinding n = b;
    uint32_t live;
    for (uint32_t i = 0; i < op->noptions; i++)
        if (!(op->kernels[kernel].options >> i & 1)) n.option[i] = (uint8_t)op->options[i].defval;
    live = live_types(op, kernel, &n);
    for (uint32_t i = 0; i < op->ntypes && i < SEMA_MAX_TYPES; i++)
        if (!(live >> i & 1)) n.type[i] = (uint8_t)op->types[i].defval;
    return n;
}

static SemaBinding zero(const SemaOp *op, uint32_t kernel)
{
    SemaBinding b = sema_binding_default(op);
    for (uint32_t i = 0; i < op->ntypes && i < SEMA_MAX_TYPES; i++)
        if (op->kernels[kernel].types >> i & 1) b.type[i] = 0;
    for (uint32_t i = 0; i < op->noptions; i++)
        if (op->kernels[kernel].options >> i & 1) b.option[i] = 0;
    return b;
}

static bool is_normal(const SemaOp *op, uint32_t kernel, const SemaBinding *b)
{
    SemaBinding n = sema_binding_normal(op, kernel, *b);
    return !memcmp(&n, b, sizeof n);
}

/* Counts up one digit; true when it went back to zero. */
static bool carry(uint8_t *digit, uint32_t n)
{
    if (++*digit < n) return false;
    *digit = 0;
    return true;
}

static bool step(const SemaOp *op, uint32_t kernel, SemaBinding *b)
{
    for (uint32_t i = op->noptions; i-- > 0;)
        if ((op->kernels[kernel].options >> i & 1) && !carry(&b->option[i], op->options[i].n)) return true;
    for (uint32_t i = op->ntypes; i-- > 0;)
        if ((op->kernels[kernel].types >> i & 1) && !carry(&b->type[i], op->types[i].n)) return true;
    return false;
}

SemaBinding sema_binding_first(const SemaOp *op, uint32_t kernel)
{
    SemaBinding b = zero(op, kernel);
    while (!is_normal(op, kernel, &b))
        if (!step(op, kernel, &b)) return sema_binding_default(op);
    return b;
}

bool sema_binding_next(const SemaOp *op, uint32_t kernel, SemaBinding *b)
{
    while (step(op, kernel, b))
        if (is_normal(op, kernel, b)) return true;
    return false;
}

uint32_t sema_openable(const SemaOp *op, uint32_t kernel, Arena *a)
{
    const SemaKernel *k = &op->kernels[kernel];
    SemaBinding b = sema_binding_first(op, kernel);
    uint32_t open = 0;
    for (uint32_t i = 0; i < op->noptions; i++) {
        Arena *scratch = arena_child(a);
        Diag quiet;
        diag_init(&quiet, scratch);
        for (uint32_t f = 1; f <= k->sp.file; f++) diag_add_file(&quiet, "", "", 0);
        SemaBinding with = b;
        with.option[i] = SEMA_OPEN;
        if ((k->options & ~k->signature) >> i & 1 && sema_kernel(op, kernel, &with, scratch, &quiet)) {
            b = with;
            open |= 1u << i;
        }
        arena_free(scratch);
    }
    return open;
}

SemaBinding sema_binding_open(const SemaOp *op, uint32_t kernel, SemaBinding b, uint32_t options)
{
    for (uint32_t i = 0; i < op->noptions; i++)
        if (options >> i & 1) b.option[i] = SEMA_OPEN;
    return sema_binding_normal(op, kernel, b);
}

bool sema_binding_close(const SemaOp *op, uint32_t options, SemaBinding *b, bool first)
{
    for (uint32_t i = op->noptions; i-- > 0;) {
        if (!(options >> i & 1)) continue;
        if (first) b->option[i] = 0;
        else if (!carry(&b->option[i], op->options[i].n)) return true;
    }
    return first;
}

static const char *choice_text(const SemaOption *o, uint32_t choice) { return choice == SEMA_OPEN ? "*" : o->choice[choice]; }

const char *sema_binding_text(const SemaOp *op, int kernel, const SemaBinding *b, Arena *a)
{
    const char *s = "";
    for (uint32_t i = 0; i < op->ntypes && i < SEMA_MAX_TYPES; i++)
        if (kernel < 0 || (op->kernels[kernel].types >> i & 1))
            s = arena_strf(a, "%s%s%s=%s", s, *s ? " " : "", op->types[i].name, dt_name(op->types[i].choice[b->type[i]]));
    for (uint32_t i = 0; i < op->noptions; i++)
        if (kernel < 0 || (op->kernels[kernel].options >> i & 1))
            s = arena_strf(a, "%s%s%s=%s", s, *s ? " " : "", op->options[i].name, choice_text(&op->options[i], b->option[i]));
    return s;
}

static bool set_type(Cx *cx, SemaBinding *b, int i, const char *value)
{
    const SemaType *t = &cx->op->types[i];
    const char *known[SEMA_MAX_CHOICES];
    for (uint32_t k = 0; k < t->n; k++)
        if (!strcmp(known[k] = dt_name(t->choice[k]), value)) return b->type[i] = (uint8_t)k, true;
    sema_unknown(cx, LG_NAME, t->sp, arena_strf(cx->a, "choice of %s", t->name), value, known, t->n);
    return false;
}

static bool set_open(Cx *cx, SemaBinding *b, int i)
{
    const SemaOption *o = &cx->op->options[i];
    for (uint32_t k = 0; k < cx->op->nkernels; k++)
        if (cx->op->kernels[k].signature >> i & 1) {
            sema_error(cx, LG_CONST, o->sp, "%s decides which tensors %s has: it cannot be left to run time", o->name, cx->op->kernels[k].name);
            return false;
        }
    b->option[i] = SEMA_OPEN;
    return true;
}

static bool set_option(Cx *cx, SemaBinding *b, int i, const char *value)
{
    const SemaOption *o = &cx->op->options[i];
    if (!strcmp(value, "*")) return set_open(cx, b, i);
    int k = find_choice(o, value);
    if (k >= 0) b->option[i] = (uint8_t)k;
    else sema_unknown(cx, LG_NAME, o->sp, arena_strf(cx->a, "value of %s", o->name), value, o->choice, o->n);
    return k >= 0;
}

bool sema_binding_set(const SemaOp *op, SemaBinding *b, const char *assignment, Diag *d)
{
    Cx cx = { .op = op, .a = d->arena, .d = d };
    const char *eq = strchr(assignment, '='), *value = eq ? eq + 1 : "true";
    const char *name = arena_strn(cx.a, assignment, eq ? (size_t)(eq - assignment) : strlen(assignment));
    int type = find_type(op, name), option = find_option(op, name);
    const char *known[SEMA_MAX_TYPES + SEMA_MAX_OPTIONS];
    size_t n = 0;
    if (type >= 0) return set_type(&cx, b, type, value);
    if (option >= 0) return set_option(&cx, b, option, value);
    for (uint32_t i = 0; i < op->ntypes; i++) known[n++] = op->types[i].name;
    for (uint32_t i = 0; i < op->noptions; i++) known[n++] = op->options[i].name;
    sema_unknown(&cx, LG_NAME, op->sp, "type or option", name, known, n);
    return false;
}

bool sema_wanted_add(const SemaOp *op, SemaWanted *w, const char *assignment, Diag *d)
{
    const uint8_t unset = SEMA_OPEN - 1;
    SemaBinding b;
    memset(&b, unset, sizeof b);
    if (!sema_binding_set(op, &b, assignment, d)) return false;
    for (uint32_t i = 0; i < op->ntypes && i < SEMA_MAX_TYPES; i++)
        if (b.type[i] != unset) w->type[i] |= 1u << b.type[i];
    for (uint32_t i = 0; i < op->noptions; i++)
        if (b.option[i] == SEMA_OPEN) w->open |= 1u << i;
        else if (b.option[i] != unset) w->option[i] |= 1u << b.option[i];
    return true;
}

static bool in_set(uint32_t set, uint8_t choice) { return !set || set >> choice & 1; }

bool sema_wanted_has(const SemaOp *op, uint32_t kernel, const SemaWanted *w, const SemaBinding *b, uint32_t open)
{
    uint32_t types = live_types(op, kernel, b), options = op->kernels[kernel].options & ~open;
    bool has = true;
    for (uint32_t i = 0; i < op->ntypes && i < SEMA_MAX_TYPES; i++) has &= !(types >> i & 1) || in_set(w->type[i], b->type[i]);
    for (uint32_t i = 0; i < op->noptions; i++) has &= !(options >> i & 1) || in_set(w->option[i], b->option[i]);
    return has;
}
