/* inspect_json.c: see inspect_json.h. One function a record; names are those of the text form and of lgk.h. */
#include "inspect_json.h"
#include "pack_view.h"

#include <jansson.h>
#include <string.h>

/* Bytes that are no UTF-8 are shown as the text form shows them. */
static json_t *string(const char *s)
{
    json_t *j = json_string(s);
    if (j)
        return j;
    Buf b = {0};
    pack_put_plain(&b, s);
    j = json_stringn(b.p ? b.p : "", b.n);
    buf_free(&b);
    return j;
}

static json_t *taken(Buf *b)
{
    json_t *j = json_stringn(b->p ? b->p : "", b->n);
    buf_free(b);
    return j;
}

static json_t *named(const PackView *v, LgkStr s) { return string(pack_view_str(v, s)); }

static json_t *choices(const PackView *v, LgkRange r)
{
    json_t *a = json_array();
    for (uint32_t i = 0; i < r.count; i++)
        json_array_append_new(a, named(v, v->t_CHOICES[r.first + i].name));
    return a;
}

static json_t *extent(const PackView *v, const LgkKernel *k, uint32_t i)
{
    Buf b = {0};
    pack_put_extent(v, k, &v->t_EXTENTS[i], &b);
    return taken(&b);
}

static json_t *extents(const PackView *v, const LgkKernel *k, uint32_t first, uint32_t n)
{
    json_t *a = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(a, extent(v, k, first + i));
    return a;
}

static json_t *tensor(const PackView *v, const LgkKernel *k, const LgkTensor *t)
{
    json_t *over = t->over < 0 ? json_null() : named(v, v->t_TENSORS[k->tensors.first + (uint32_t)t->over].name);
    return json_pack("{so ss so so sb sb so}", "name", named(v, t->name), "mode", pack_view_mode(t), "type", string(pack_view_dtype(v, k, t)), "shape",
                     extents(v, k, t->extents, t->rank), "optional", (int)t->optional, "accumulates", (int)t->accumulate, "over", over);
}

static json_t *scalar(const PackView *v, const LgkScalar *s)
{
    Buf range = {0};
    if (s->range)
        pack_put_range(s, &range);
    return json_pack("{so ss so so}", "name", named(v, s->name), "type", pack_view_bound(s->dtype), "default", s->has_default ? json_real(s->def) : json_null(),
                     "range", s->range ? taken(&range) : json_null());
}

static json_t *condition(const PackView *v, const LgkKernel *k, const LgkVariant *x, const LgkCond *c)
{
    Buf b = {0};
    bool two = c->kind == LGK_C_CONGRUENT, one = two || c->kind == LGK_C_ALIGNED || c->kind == LGK_C_UNIT || c->kind == LGK_C_NEARER;
    pack_put_cond(v, k, x, c, &b);
    json_t *tensors = json_array();
    if (one)
        json_array_append_new(tensors, named(v, v->t_TENSORS[k->tensors.first + c->a].name));
    if (two)
        json_array_append_new(tensors, named(v, v->t_TENSORS[k->tensors.first + c->b].name));
    return json_pack("{ss so sI so}", "kind", pack_view_cond(c->kind), "tensors", tensors, "value", (json_int_t)(two ? c->value & 0xffff : c->value), "text", taken(&b));
}

static json_t *launch(const PackView *v, const LgkLaunch *l)
{
    return json_pack("{so ss si si si si si si ss si si si sb si}", "symbol", named(v, l->symbol), "grid", pack_view_grid(l->grid), "per", l->per, "per2", l->per2, "per3", l->per3, "multiple", l->multiple, "ctas", l->ctas, "workspace", l->work_bytes, "workspace_by",
                     pack_view_by(l->work_by), "threads",
                     (int)l->threads, "shared", (int)l->shared, "cluster", (int)l->cluster, "pdl", (int)l->pdl, "words", (int)l->words.count);
}

static json_t *variant(const PackView *v, const LgkKernel *k, const LgkVariant *x)
{
    json_t *conds = json_array(), *launches = json_array();
    for (uint32_t i = 0; i < x->conds.count; i++)
        json_array_append_new(conds, condition(v, k, x, &v->t_CONDS[x->conds.first + i]));
    for (uint32_t i = 0; i < x->launches.count; i++)
        json_array_append_new(launches, launch(v, &v->t_LAUNCHES[x->launches.first + i]));
    return json_pack("{so so so so so so so si si so so si}", "schedule", named(v, x->schedule), "symbol", named(v, x->symbol), "conditions", conds, "launches", launches, "instances",
                     extents(v, k, x->inst.first, x->inst.count), "row", extent(v, k, x->row), "places", extent(v, k, x->places), "covers", (int)x->covers, "before", (int)x->before, "registers",
                     x->registers < 0 ? json_null() : json_integer(x->registers), "spills", x->spills < 0 ? json_null() : json_integer(x->spills), "code", (int)x->code);
}

static json_t *target(const PackView *v, const LgkKernel *k, const LgkSet *s)
{
    json_t *variants = json_array();
    for (uint32_t i = 0; i < s->variants.count; i++)
        json_array_append_new(variants, variant(v, k, &v->t_VARIANTS[s->variants.first + i]));
    return json_pack("{so ss so}", "target", named(v, s->target), "code", pack_view_kind(s->kind), "variants", variants);
}

static json_t *instance(const PackView *v, const LgkKernel *k, const LgkInstance *n)
{
    json_t *types = json_object(), *options = json_object(), *given = json_array(), *targets = json_array();
    for (uint32_t i = 0; i < k->types.count; i++)
        json_object_set_new(types, pack_view_str(v, v->t_TYPES[k->types.first + i].name), n->dtype[i] ? json_string(pack_view_bound(n->dtype[i])) : json_null());
    for (uint32_t i = 0; i < k->options.count; i++) {
        const LgkOption *o = &v->t_OPTIONS[k->options.first + i];
        json_object_set_new(options, pack_view_str(v, o->name), n->option[i] == LGK_OPEN ? json_null() : string(pack_view_choice(v, o, n->option[i])));
    }
    for (uint32_t i = 0; i < k->tensors.count; i++)
        if (pack_view_given(n, i))
            json_array_append_new(given, named(v, v->t_TENSORS[k->tensors.first + i].name));
    for (uint32_t i = 0; i < n->sets.count; i++)
        json_array_append_new(targets, target(v, k, &v->t_SETS[n->sets.first + i]));
    return json_pack("{so so so so}", "types", types, "options", options, "tensors", given, "targets", targets);
}

static json_t *kernel(const PackView *v, const LgkKernel *k)
{
    json_t *dims = json_array(), *types = json_array(), *options = json_array(), *tensors = json_array(), *scalars = json_array(), *instances = json_array();
    for (uint32_t i = 0; i < k->dims.count; i++)
        json_array_append_new(dims, named(v, v->t_NAMES[k->dims.first + i].name));
    for (uint32_t i = 0; i < k->types.count; i++) {
        const LgkType *t = &v->t_TYPES[k->types.first + i];
        json_array_append_new(types, json_pack("{so so}", "name", named(v, t->name), "choices", choices(v, t->choices)));
    }
    for (uint32_t i = 0; i < k->options.count; i++) {
        const LgkOption *o = &v->t_OPTIONS[k->options.first + i];
        json_array_append_new(options, json_pack("{so so so}", "name", named(v, o->name), "choices", choices(v, o->choices), "default", string(pack_view_choice(v, o, o->def))));
    }
    for (uint32_t i = 0; i < k->tensors.count; i++)
        json_array_append_new(tensors, tensor(v, k, &v->t_TENSORS[k->tensors.first + i]));
    for (uint32_t i = 0; i < k->scalars.count; i++)
        json_array_append_new(scalars, scalar(v, &v->t_SCALARS[k->scalars.first + i]));
    for (uint32_t i = 0; i < k->instances.count; i++)
        json_array_append_new(instances, instance(v, k, &v->t_INSTANCES[k->instances.first + i]));
    return json_pack("{so so so so so so so so so}", "op", named(v, k->op), "name", named(v, k->name), "doc", named(v, k->doc), "dims", dims, "types", types, "options", options,
                     "tensors", tensors, "scalars", scalars, "instances", instances);
}

static json_t *code(const LgkCode *c)
{
    char digest[40];
    snprintf(digest, sizeof digest, "%016llx%016llx", (unsigned long long)c->digest[1], (unsigned long long)c->digest[0]);
    return json_pack("{ss sI sI ss}", "kind", pack_view_kind(c->kind), "offset", (json_int_t)c->offset, "size", (json_int_t)c->size, "digest", digest);
}

static int put(const char *text, size_t n, void *out)
{
    buf_put(out, text, n);
    return ((Buf *)out)->failed ? -1 : 0;
}

bool inspect_json(const void *pack, const char *file, Buf *out)
{
    PackView v = pack_view(pack);
    json_t *kernels = json_array(), *codes = json_array();
    for (uint32_t i = 0; i < pack_view_count(&v, LGK_T_KERNELS); i++)
        json_array_append_new(kernels, kernel(&v, &v.t_KERNELS[i]));
    for (uint32_t i = 0; i < pack_view_count(&v, LGK_T_CODES); i++)
        json_array_append_new(codes, code(&v.t_CODES[i]));
    json_t *root = json_pack("{so si sI so so}", "file", string(file), "format", (int)v.head->version, "size", (json_int_t)v.head->size, "kernels", kernels, "code", codes);
    bool ok = root && !json_dump_callback(root, put, out, JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17));
    json_decref(root);
    return ok;
}
