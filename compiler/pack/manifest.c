/* manifest.c: a pack as text to read: kernels with their arguments, then for each target the variants of each instance.
 *
 * Out: the same text for the same pack.  A plan is the part that does not depend on the assembler or on this machine: schedules,
 * conditions and launches; instances that have the same plan stand together.
 */
#include "pack_view.h"

#include <string.h>

typedef struct Manifest { PackView v; Buf *out; bool plan; } Manifest;

static void put_tensors(const Manifest *m, const LgkKernel *k)
{
    for (uint32_t i = 0; i < k->tensors.count; i++) {
        const LgkTensor *t = &m->v.t_TENSORS[k->tensors.first + i];
        buf_printf(m->out, "  %-6s ", pack_view_mode(t));
        pack_put_plain(m->out, pack_view_str(&m->v, t->name));
        buf_puts(m->out, ": ");
        pack_put_shape(&m->v, k, t, m->out);
        buf_puts(m->out, t->optional ? ", where the options have it" : "");
        if (t->over >= 0) {
            buf_puts(m->out, ", may lie over ");
            pack_put_plain(m->out, pack_view_str(&m->v, m->v.t_TENSORS[k->tensors.first + (uint32_t)t->over].name));
        }
        buf_puts(m->out, "\n");
    }
}

static void put_scalars(const Manifest *m, const LgkKernel *k)
{
    for (uint32_t i = 0; i < k->scalars.count; i++) {
        const LgkScalar *s = &m->v.t_SCALARS[k->scalars.first + i];
        buf_puts(m->out, "  scalar ");
        pack_put_plain(m->out, pack_view_str(&m->v, s->name));
        buf_printf(m->out, ": %s", pack_view_bound(s->dtype));
        if (s->has_default)
            buf_puts(m->out, " = "), pack_put_default(s, m->out);
        if (s->range)
            buf_puts(m->out, " in "), pack_put_range(s, m->out);
        buf_puts(m->out, "\n");
    }
}

static void put_choices(const Manifest *m, LgkRange r)
{
    for (uint32_t c = 0; c < r.count; c++) {
        buf_puts(m->out, c ? ", " : " in { ");
        pack_put_plain(m->out, pack_view_str(&m->v, m->v.t_CHOICES[r.first + c].name));
    }
    buf_puts(m->out, r.count ? " }" : "");
}

static void put_declared(const Manifest *m, const LgkKernel *k)
{
    pack_put_plain(m->out, pack_view_str(&m->v, k->op));
    buf_puts(m->out, ".");
    pack_put_plain(m->out, pack_view_str(&m->v, k->name));
    buf_puts(m->out, ": ");
    pack_put_plain(m->out, pack_view_str(&m->v, k->doc));
    buf_puts(m->out, "\n");
    put_tensors(m, k);
    put_scalars(m, k);
    for (uint32_t i = 0; i < k->types.count; i++) {
        buf_puts(m->out, "  type   ");
        pack_put_plain(m->out, pack_view_str(&m->v, m->v.t_TYPES[k->types.first + i].name));
        put_choices(m, m->v.t_TYPES[k->types.first + i].choices);
        buf_puts(m->out, "\n");
    }
    for (uint32_t i = 0; i < k->options.count; i++) {
        const LgkOption *o = &m->v.t_OPTIONS[k->options.first + i];
        buf_puts(m->out, "  option ");
        pack_put_plain(m->out, pack_view_str(&m->v, o->name));
        put_choices(m, o->choices);
        buf_puts(m->out, " = ");
        pack_put_plain(m->out, pack_view_choice(&m->v, o, o->def));
        buf_puts(m->out, "\n");
    }
}

/* ---- variants ---- */

static void put_launch(const Manifest *m, const LgkLaunch *l)
{
    pack_put_blocks(l, m->out);
    buf_printf(m->out, l->threads == 1 ? ", %u thread" : ", %u threads", (unsigned)l->threads);
    if (l->shared)
        buf_printf(m->out, ", %u bytes shared", (unsigned)l->shared);
    if (l->cluster > 1)
        buf_printf(m->out, ", clusters of %u", (unsigned)l->cluster);
    buf_puts(m->out, l->pdl == LGK_PDL_BESIDE ? ", runs beside the one before it" : l->pdl == LGK_PDL_LATE ? ", reads before the one before it ends" : l->pdl ? ", starts before the one before it ends" : "");
}

static void put_workspace(const Manifest *m, const LgkLaunch *l, uint32_t nth)
{
    if (!l->work_bytes)
        return;
    static const char *const by[] = {[LGK_BY_COLUMN] = " and column", [LGK_BY_DIGIT] = " and digit of places"};
    buf_printf(m->out, "; %d bytes of workspace a ", l->work_bytes);
    if (l->work_by == LGK_BY_PLACES)
        buf_printf(m->out, "place of a bin and %d instances", l->per3);
    else
        buf_printf(m->out, "block%s", by[l->work_by] ? by[l->work_by] : "");
    if (nth)
        buf_printf(m->out, " of launch %u", (unsigned)nth);
}

static void put_made(const Manifest *m, const LgkVariant *x)
{
    const LgkCode *c = &m->v.t_CODES[x->code];
    buf_puts(m->out, " | ");
    if (x->registers >= 0)
        buf_printf(m->out, "%d registers, %d bytes spilled, ", x->registers, x->spills);
    buf_printf(m->out, "%s code %u of %llu bytes, ", pack_view_kind(c->kind), (unsigned)x->code, (unsigned long long)c->size);
    pack_put_plain(m->out, pack_view_str(&m->v, x->symbol));
}

/* One line: number, schedule | conditions | launches | what was made. */
static void put_variant(const Manifest *m, const LgkKernel *k, const LgkVariant *x, uint32_t nth)
{
    const char *schedule = pack_view_str(&m->v, x->schedule);
    buf_printf(m->out, "    %2u ", (unsigned)nth);
    pack_put_plain(m->out, *schedule ? schedule : "(defaults)");
    buf_puts(m->out, x->conds.count ? " | " : " | always");
    for (uint32_t i = 0; i < x->conds.count; i++) {
        buf_puts(m->out, i ? "; " : "");
        pack_put_cond(&m->v, k, x, &m->v.t_CONDS[x->conds.first + i], m->out);
    }
    buf_puts(m->out, " | ");
    for (uint32_t i = 0; i < x->launches.count; i++) {
        buf_puts(m->out, i ? "; then " : "");
        put_launch(m, &m->v.t_LAUNCHES[x->launches.first + i]);
    }
    buf_puts(m->out, x->covers > 1 ? "; for the next nest too" : x->before ? "; for the nest before too" : "");
    for (uint32_t i = 0; i < x->launches.count; i++)
        put_workspace(m, &m->v.t_LAUNCHES[x->launches.first + i], i);
    if (!m->plan)
        put_made(m, x);
    buf_puts(m->out, "\n");
}

/* The instance's variants on one target; nothing where it has none there. */
static void put_set(const Manifest *m, const LgkKernel *k, const LgkInstance *n, const char *target)
{
    for (uint32_t i = 0; i < n->sets.count; i++) {
        const LgkSet *s = &m->v.t_SETS[n->sets.first + i];
        if (n->nests > 1 && !strcmp(pack_view_str(&m->v, s->target), target))
            buf_printf(m->out, "    nest %u\n", (unsigned)s->nest);
        for (uint32_t j = 0; j < s->variants.count && !strcmp(pack_view_str(&m->v, s->target), target); j++)
            put_variant(m, k, &m->v.t_VARIANTS[s->variants.first + j], j);
    }
}

/* Instances with the same variants stand together, at the place of the first. text: one for each instance. */
static void put_target(const Manifest *m, const LgkKernel *k, const char *target, Buf *text)
{
    const LgkInstance *all = &m->v.t_INSTANCES[k->instances.first];
    buf_puts(m->out, "  target ");
    pack_put_plain(m->out, target);
    buf_puts(m->out, "\n");
    for (uint32_t i = 0; i < k->instances.count; i++) {
        Manifest one = {m->v, &text[i], m->plan};
        put_set(&one, k, &all[i], target);
        m->out->failed |= text[i].failed;
    }
    for (uint32_t i = 0; i < k->instances.count; i++) {
        if (!text[i].p)
            continue;
        for (uint32_t j = i; j < k->instances.count; j++) {
            if (j > i && (!text[j].p || text[j].n != text[i].n || memcmp(text[j].p, text[i].p, text[i].n)))
                continue;
            buf_puts(m->out, "   [");
            pack_put_binding(&m->v, k, &all[j], m->out);
            buf_puts(m->out, "]\n");
            if (j > i)
                buf_free(&text[j]);
        }
        buf_put(m->out, text[i].p, text[i].n);
        buf_free(&text[i]);
    }
}

/* Each target once, in the order in which instances name them. */
static void put_targets(const Manifest *m, const LgkKernel *k, Arena *a)
{
    Buf *text = ARENA_ARRAY(a, Buf, k->instances.count + 1);
    const char **seen = NULL;
    uint32_t n = 0, cap = 0;
    for (uint32_t i = 0; i < k->instances.count; i++) {
        const LgkInstance *x = &m->v.t_INSTANCES[k->instances.first + i];
        for (uint32_t s = 0; s < x->sets.count; s++) {
            const char *target = pack_view_str(&m->v, m->v.t_SETS[x->sets.first + s].target);
            uint32_t at = 0;
            while (at < n && strcmp(seen[at], target))
                at++;
            if (at < n)
                continue;
            *ARENA_PUSH(a, seen, n, cap) = target;
            put_target(m, k, target, text);
        }
    }
}

void pack_manifest(const void *pack, bool plan, Arena *a, Buf *out)
{
    Manifest m = {pack_view(pack), out, plan};
    uint32_t n = pack_view_count(&m.v, LGK_T_KERNELS);
    if (plan)
        buf_puts(out, "plan: schedule | conditions | launches of each variant. Made by ligerc from the spec.\n");
    else
        buf_printf(out, "pack, format %u: %u kernels, %u instances, %u variants, %u pieces of code, %llu bytes\n", (unsigned)m.v.head->version, (unsigned)n,
                   (unsigned)pack_view_count(&m.v, LGK_T_INSTANCES), (unsigned)pack_view_count(&m.v, LGK_T_VARIANTS), (unsigned)pack_view_count(&m.v, LGK_T_CODES),
                   (unsigned long long)m.v.head->size);
    for (uint32_t i = 0; i < n; i++) {
        buf_puts(out, "\n");
        put_declared(&m, &m.v.t_KERNELS[i]);
        put_targets(&m, &m.v.t_KERNELS[i], a);
    }
}
