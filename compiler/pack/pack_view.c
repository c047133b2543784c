/* pack_view.c: see pack_view.h. */
#include "pack_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

PackView pack_view(const void *pack)
{
    PackView v = {.head = pack};
#define X(e, type) v.t_##e = (const type *)((const char *)pack + v.head->table[LGK_T_##e].offset);
    LGK_TABLES(X)
#undef X
    return v;
}

uint32_t pack_view_count(const PackView *v, int table) { return v->head->table[table].count; }

const char *pack_view_str(const PackView *v, LgkStr s) { return v->t_STRINGS + s; }

bool pack_view_given(const LgkInstance *n, uint32_t tensor) { return n->present >> tensor & 1; }

const char *pack_view_bound(uint32_t dtype) { return dtype && dtype < DT_COUNT ? dt_name((DType)dtype) : "?"; }

const char *pack_view_dtype(const PackView *v, const LgkKernel *k, const LgkTensor *t)
{
    return t->type >= 0 ? pack_view_str(v, v->t_TYPES[k->types.first + (uint32_t)t->type].name) : pack_view_bound(t->dtype);
}

const char *pack_view_mode(const LgkTensor *t)
{
    static const char *const names[] = {[LGK_IN] = "in", [LGK_OUT] = "out", [LGK_INOUT] = "inout", [LGK_SCRATCH] = "scratch"};
    return t->mode <= LGK_SCRATCH ? names[t->mode] : "?";
}

const char *pack_view_kind(uint32_t kind)
{
    static const char *const names[] = {"none", [LGK_CODE_CUBIN] = "cubin", [LGK_CODE_PTX] = "PTX", [LGK_CODE_HOST] = "host", [LGK_CODE_SIM] = "sim"};
    return kind < sizeof names / sizeof *names ? names[kind] : "?";
}

const char *pack_view_choice(const PackView *v, const LgkOption *o, uint32_t choice)
{
    return choice == LGK_OPEN ? "*" : choice < o->choices.count ? pack_view_str(v, v->t_CHOICES[o->choices.first + choice].name) : "?";
}

const char *pack_view_grid(uint32_t grid)
{
    static const char *const names[] = {[LGK_G_GROUPS] = "groups", [LGK_G_PERSISTENT] = "persistent", [LGK_G_COLUMNS] = "columns", [LGK_G_GROUPS_COLUMNS] = "groups_columns",
                                        [LGK_G_GROUPS_PLACES] = "groups_places", [LGK_G_GROUPS_BEYOND] = "groups_beyond", [LGK_G_PLACES_COLUMNS] = "places_columns",
                                        [LGK_G_GROUPS_WITHIN] = "groups_within", [LGK_G_FIXED] = "fixed"};
    return grid < LGK_G_COUNT ? names[grid] : "?";
}

const char *pack_view_by(uint32_t by)
{
    static const char *const names[] = {[LGK_BY_BLOCK] = "block", [LGK_BY_COLUMN] = "column", [LGK_BY_DIGIT] = "digit", [LGK_BY_PLACES] = "places"};
    return by < LGK_BY_COUNT ? names[by] : "?";
}

const char *pack_view_cond(uint32_t kind)
{
    static const char *const names[] = {[LGK_C_ROWLEN_EQ] = "row_equal", [LGK_C_ROWLEN_LE] = "row_most", [LGK_C_ROWLEN_MULT] = "row_multiple", [LGK_C_ALIGNED] = "aligned",
                                        [LGK_C_CONGRUENT] = "congruent", [LGK_C_UNIT] = "unit_stride", [LGK_C_INST_GE] = "instances_least", [LGK_C_INST_LE] = "instances_most",
                                        [LGK_C_ELEMS_GE] = "elements_least", [LGK_C_ELEMS_LE] = "elements_most", [LGK_C_NEARER] = "nearer"};
    _Static_assert(sizeof names / sizeof *names == LGK_C_COUNT, "a name for each condition");
    return kind < LGK_C_COUNT ? names[kind] : "?";
}

static bool printable(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS: case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL: case UTF8PROC_CATEGORY_ZP: return false;
    default: return true;
    }
}

void pack_put_plain(Buf *out, const char *s)
{
    for (size_t n = strlen(s), i = 0; i < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(n - i), &c);
        bool good = k > 0 && printable(c);
        size_t bytes = k > 0 ? (size_t)k : 1;
        if (good)
            buf_put(out, s + i, bytes);
        for (size_t j = 0; j < bytes && !good; j++)
            buf_printf(out, "\\x%02x", (unsigned char)s[i + j]);
        i += bytes;
    }
}

static int affine_terms(const LgkExtent *e)
{
    int n = e->c != 0;
    for (int i = 0; i < LGK_MAX_DIMS; i++)
        n += e->k[i] != 0;
    return n;
}

void pack_put_extent(const PackView *v, const LgkKernel *k, const LgkExtent *e, Buf *out)
{
    int terms = 0;
    bool group = e->den != 1 && affine_terms(e) > 1;
    if (group)
        buf_puts(out, "(");
    for (uint32_t i = 0; i < k->dims.count; i++) {
        if (!e->k[i])
            continue;
        buf_puts(out, e->k[i] < 0 ? "-" : terms ? "+" : "");
        if (e->k[i] != 1 && e->k[i] != -1)
            buf_printf(out, "%llu*", e->k[i] < 0 ? 0 - (unsigned long long)e->k[i] : (unsigned long long)e->k[i]);
        pack_put_plain(out, pack_view_str(v, v->t_NAMES[k->dims.first + i].name));
        terms++;
    }
    if (e->c || !terms)
        buf_printf(out, terms ? "%+lld" : "%lld", (long long)e->c);
    buf_puts(out, group ? ")" : "");
    if (e->den != 1)
        buf_printf(out, "/%lld", (long long)e->den);
}

void pack_put_shape(const PackView *v, const LgkKernel *k, const LgkTensor *t, Buf *out)
{
    pack_put_plain(out, pack_view_dtype(v, k, t));
    buf_puts(out, "[");
    for (uint32_t d = 0; d < t->rank; d++) {
        buf_puts(out, d ? ", " : "");
        pack_put_extent(v, k, &v->t_EXTENTS[t->extents + d], out);
    }
    buf_puts(out, "]");
}

void pack_put_binding(const PackView *v, const LgkKernel *k, const LgkInstance *n, Buf *out)
{
    const char *between = "";
    for (uint32_t i = 0; i < k->types.count; i++, between = " ") {
        buf_puts(out, between);
        pack_put_plain(out, pack_view_str(v, v->t_TYPES[k->types.first + i].name));
        buf_printf(out, "=%s", n->dtype[i] ? pack_view_bound(n->dtype[i]) : "any");      /* 0: no tensor that is given has this type */
    }
    for (uint32_t i = 0; i < k->options.count; i++, between = " ") {
        const LgkOption *o = &v->t_OPTIONS[k->options.first + i];
        buf_puts(out, between);
        pack_put_plain(out, pack_view_str(v, o->name));
        buf_puts(out, "=");
        pack_put_plain(out, pack_view_choice(v, o, n->option[i]));
    }
}

/* The shortest text that reads back as the same value. */
static void put_real(uint32_t dtype, double v, Buf *out)
{
    char text[40] = "";
    bool narrow = dtype == LGK_F32 || dtype == LGK_F16 || dtype == LGK_BF16;
    for (int digits = dtype >= LGK_F16 ? 1 : 17; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        double back = strtod(text, NULL);
        if (narrow ? (float)back == (float)v : back == v)
            break;
    }
    buf_puts(out, text);
}

void pack_put_default(const LgkScalar *s, Buf *out) { put_real(s->dtype, s->def, out); }

void pack_put_range(const LgkScalar *s, Buf *out)
{
    buf_puts(out, s->range & LGK_RANGE_LO_OPEN ? "(" : "[");
    put_real(s->dtype, s->lo, out);
    buf_puts(out, ", ");
    put_real(s->dtype, s->hi, out);
    buf_puts(out, s->range & LGK_RANGE_HI_OPEN ? ")" : "]");
}

static const char *tensor_name(const PackView *v, const LgkKernel *k, uint32_t i) { return pack_view_str(v, v->t_TENSORS[k->tensors.first + i].name); }

void pack_put_cond(const PackView *v, const LgkKernel *k, const LgkVariant *x, const LgkCond *c, Buf *out)
{
    long long n = (long long)c->value;
    bool of_tensor = c->kind == LGK_C_ALIGNED || c->kind == LGK_C_CONGRUENT || c->kind == LGK_C_UNIT || c->kind == LGK_C_NEARER;
    if (of_tensor)
        pack_put_plain(out, tensor_name(v, k, c->a));
    else if (c->kind == LGK_C_ROWLEN_EQ || c->kind == LGK_C_ROWLEN_LE || c->kind == LGK_C_ROWLEN_MULT)
        pack_put_extent(v, k, &v->t_EXTENTS[x->row], out);
    switch (c->kind) {
    case LGK_C_ROWLEN_EQ:   buf_printf(out, " = %lld", n); break;
    case LGK_C_ROWLEN_LE:   buf_printf(out, " <= %lld", n); break;
    case LGK_C_ROWLEN_MULT: buf_printf(out, " a multiple of %lld", n); break;
    case LGK_C_ALIGNED:     buf_printf(out, " aligned to %lld", n); break;
    case LGK_C_CONGRUENT:   buf_puts(out, " and "), pack_put_plain(out, tensor_name(v, k, c->b)), buf_printf(out, " agree modulo %lld", n & 0xffff); break;
    case LGK_C_UNIT:        buf_printf(out, ".stride[%u] = 1", (unsigned)c->b); break;
    case LGK_C_INST_GE:     buf_printf(out, "instances >= %lld", n); break;
    case LGK_C_INST_LE:     buf_printf(out, "instances <= %lld", n); break;
    case LGK_C_ELEMS_GE:    buf_printf(out, "elements >= %lld", n); break;
    case LGK_C_ELEMS_LE:    buf_printf(out, "elements <= %lld", n); break;
    case LGK_C_NEARER:      buf_printf(out, ".stride[%u] < stride[%lld]", (unsigned)c->b, n); break;
    default:                buf_printf(out, "condition %u", (unsigned)c->kind); break;
    }
}

static void put_count(Buf *out, int n, const char *what) { buf_printf(out, "%d %s%s", n, what, n == 1 ? "" : "s"); }

void pack_put_blocks(const LgkLaunch *l, Buf *out)
{
    int columns = l->grid == LGK_G_GROUPS_COLUMNS ? l->per2 : l->grid == LGK_G_PLACES_COLUMNS ? l->per3 : INT32_MAX;
    if (l->grid == LGK_G_FIXED) {
        put_count(out, l->per, "block");
        return;
    }
    put_count(out, l->per, l->grid == LGK_G_COLUMNS ? "column" : "instance");
    if (l->grid == LGK_G_GROUPS_PLACES || l->grid == LGK_G_PLACES_COLUMNS) {
        buf_puts(out, " or ");
        put_count(out, l->per2, "place");
    }
    if (columns < INT32_MAX) {
        buf_puts(out, " and ");
        put_count(out, columns, "column");
    }
    buf_puts(out, " a block");
    if (l->grid == LGK_G_PERSISTENT) {
        buf_puts(out, " and turn, at most ");
        put_count(out, l->ctas, "block");
        buf_puts(out, " a multiprocessor");
        if (l->per2)
            buf_printf(out, " and one for %d GB/s of memory", (int)l->per2);
        if (l->per3) {
            buf_puts(out, ", or one for ");
            put_count(out, l->per3, "turn");
        }
    }
}
