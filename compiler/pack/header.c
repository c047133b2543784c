/* header.c: from the kernels of a pack (lgk.h) to the C header of one op: an enum for every option, an argument structure and typed
 * inline calls for every kernel, thin over lgr_launch().
 *
 * In: a pack as pack_finish() wrote it.  Out: text that includes only liger.h, compiles as C11 and C++, and depends on nothing
 * but the pack's declarations.
 */
#include "pack_view.h"

#include <ctype.h>
#include <string.h>

typedef struct Header { PackView v; Buf *out; const char *op; } Header;

static const char *text(const Header *h, LgkStr s) { return pack_view_str(&h->v, s); }

static void put_upper(Buf *b, const char *s)
{
    for (; *s; s++) {
        char c = (char)(isalnum((unsigned char)*s) ? toupper((unsigned char)*s) : '_');
        buf_put(b, &c, 1);
    }
}

/* Text of a spec inside a comment. */
static void put_comment(Buf *b, const char *s)
{
    for (; *s; s++)
        if (s[0] == '*' && s[1] == '/')
            buf_puts(b, "* ");
        else
            buf_put(b, *s == '\n' ? " " : s, 1);
}

/* ---- options ---- */

static bool seen_option(const Header *h, const LgkKernel *k, LgkStr name)
{
    for (const LgkKernel *j = h->v.t_KERNELS; j < k; j++)
        for (uint32_t i = 0; !strcmp(text(h, j->op), h->op) && i < j->options.count; i++)
            if (!strcmp(text(h, h->v.t_OPTIONS[j->options.first + i].name), text(h, name)))
                return true;
    return false;
}

static void put_option(const Header *h, const LgkOption *o)
{
    buf_printf(h->out, "typedef enum lgr_%s_%s {\n", h->op, text(h, o->name));
    for (uint32_t c = 0; c < o->choices.count; c++) {
        buf_puts(h->out, "    LGR_");
        put_upper(h->out, h->op);
        buf_puts(h->out, "_");
        put_upper(h->out, text(h, o->name));
        buf_puts(h->out, "_");
        put_upper(h->out, text(h, h->v.t_CHOICES[o->choices.first + c].name));
        buf_printf(h->out, " = %u%s\n", (unsigned)c, c + 1 < o->choices.count ? "," : "");
    }
    buf_printf(h->out, "} lgr_%s_%s;\n\n", h->op, text(h, o->name));
}

static void put_options(const Header *h, const LgkKernel *k)
{
    for (uint32_t i = 0; i < k->options.count; i++) {
        const LgkOption *o = &h->v.t_OPTIONS[k->options.first + i];
        if (!seen_option(h, k, o->name))
            put_option(h, o);
    }
}

/* ---- one kernel ---- */

static void put_tensor_doc(const Header *h, const LgkKernel *k, const LgkTensor *t)
{
    buf_printf(h->out, " *   %-5s %-8s ", pack_view_mode(t), text(h, t->name));
    pack_put_shape(&h->v, k, t, h->out);
    if (t->optional)
        buf_puts(h->out, "; NULL where the options leave it out");
    if (t->over >= 0)
        buf_printf(h->out, "; may lie over %s", text(h, h->v.t_TENSORS[k->tensors.first + (uint32_t)t->over].name));
    buf_puts(h->out, "\n");
}

static void put_doc(const Header *h, const LgkKernel *k)
{
    buf_printf(h->out, "/* %s.%s: ", h->op, text(h, k->name));
    put_comment(h->out, text(h, k->doc));
    buf_puts(h->out, "\n");
    for (uint32_t i = 0; i < k->tensors.count; i++)
        put_tensor_doc(h, k, &h->v.t_TENSORS[k->tensors.first + i]);
    for (uint32_t i = 0; i < k->types.count; i++) {
        const LgkType *t = &h->v.t_TYPES[k->types.first + i];
        buf_printf(h->out, " *   %s is one of", text(h, t->name));
        for (uint32_t c = 0; c < t->choices.count; c++)
            buf_printf(h->out, "%s %s", c ? "," : "", text(h, h->v.t_CHOICES[t->choices.first + c].name));
        buf_puts(h->out, "\n");
    }
    buf_puts(h->out, " */\n");
}

static bool is_real(uint32_t dtype) { return dtype >= LGK_F16; }

static void put_args(const Header *h, const LgkKernel *k)
{
    const char *name = text(h, k->name);
    buf_printf(h->out, "typedef struct lgr_%s_%s_args {\n    const lgr_kernel *kernel;\n", h->op, name);
    for (uint32_t i = 0; i < k->scalars.count; i++) {
        const LgkScalar *s = &h->v.t_SCALARS[k->scalars.first + i];
        buf_printf(h->out, "    %s %s;", is_real(s->dtype) ? "double" : "int64_t", text(h, s->name));
        buf_printf(h->out, s->has_default ? " /* %.17g unless set" : " /* to be set", s->def);
        if (s->range)
            buf_puts(h->out, "; in "), pack_put_range(s, h->out);
        buf_puts(h->out, " */\n");
    }
    for (uint32_t i = 0; i < k->options.count; i++) {
        const LgkOption *o = &h->v.t_OPTIONS[k->options.first + i];
        buf_printf(h->out, "    lgr_%s_%s %s; /* %s unless set */\n", h->op, text(h, o->name), text(h, o->name), text(h, h->v.t_CHOICES[o->choices.first + o->def].name));
    }
    buf_printf(h->out, "} lgr_%s_%s_args;\n\n", h->op, name);
}

static void put_init(const Header *h, const LgkKernel *k)
{
    const char *name = text(h, k->name);
    buf_printf(h->out, "/* Finds the kernel and sets every scalar and option to its default: once, not for every call. */\n"
                       "static inline lgr_status lgr_%s_%s_init(lgr_context *ctx, lgr_%s_%s_args *args)\n{\n", h->op, name, h->op, name);
    for (uint32_t i = 0; i < k->scalars.count; i++) {
        const LgkScalar *s = &h->v.t_SCALARS[k->scalars.first + i];
        buf_printf(h->out, is_real(s->dtype) ? "    args->%s = %.17g;\n" : "    args->%s = %.0f;\n", text(h, s->name), s->def);
    }
    for (uint32_t i = 0; i < k->options.count; i++) {
        const LgkOption *o = &h->v.t_OPTIONS[k->options.first + i];
        buf_printf(h->out, "    args->%s = (lgr_%s_%s)%u;\n", text(h, o->name), h->op, text(h, o->name), (unsigned)o->def);
    }
    buf_printf(h->out, "    return lgr_kernel_find(ctx, \"%s\", \"%s\", &args->kernel);\n}\n\n", h->op, name);
}

static void put_parameters(const Header *h, const LgkKernel *k, bool types)
{
    for (uint32_t i = 0; i < k->tensors.count; i++)
        buf_printf(h->out, ", %s%s", types ? "const DLTensor *" : "", text(h, h->v.t_TENSORS[k->tensors.first + i].name));
}

/* The call's arrays, then whichever of the runtime's functions is wanted. */
static void put_fill(const Header *h, const LgkKernel *k)
{
    buf_printf(h->out, "    const DLTensor *lgr_tensors[%u];\n    lgr_scalar lgr_scalars[%u];\n    int32_t lgr_options[%u];\n    lgr_call lgr_c;\n",
               (unsigned)k->tensors.count + 1, (unsigned)k->scalars.count + 1, (unsigned)k->options.count + 1);
    for (uint32_t i = 0; i < k->tensors.count; i++)
        buf_printf(h->out, "    lgr_tensors[%u] = %s;\n", (unsigned)i, text(h, h->v.t_TENSORS[k->tensors.first + i].name));
    for (uint32_t i = 0; i < k->scalars.count; i++) {
        const LgkScalar *s = &h->v.t_SCALARS[k->scalars.first + i];
        buf_printf(h->out, "    lgr_scalars[%u].%s = lgr_a->%s;\n", (unsigned)i, is_real(s->dtype) ? "f" : "i", text(h, s->name));
    }
    for (uint32_t i = 0; i < k->options.count; i++)
        buf_printf(h->out, "    lgr_options[%u] = (int32_t)lgr_a->%s;\n", (unsigned)i, text(h, h->v.t_OPTIONS[k->options.first + i].name));
    buf_printf(h->out, "    lgr_c.size = sizeof lgr_c;\n    lgr_c.kernel = lgr_a->kernel;\n    lgr_c.tensors = lgr_tensors;\n    lgr_c.ntensors = %u;\n"
                       "    lgr_c.variant = lgr_c.nest = 0;\n    lgr_c.scalars = lgr_scalars;\n    lgr_c.nscalars = %u;\n    lgr_c.options = lgr_options;\n    lgr_c.noptions = %u;\n",
               (unsigned)k->tensors.count, (unsigned)k->scalars.count, (unsigned)k->options.count);
}

static void put_function(const Header *h, const LgkKernel *k, const char *suffix, const char *more, const char *stream, const char *space, const char *size, const char *call)
{
    const char *name = text(h, k->name);
    buf_printf(h->out, "static inline lgr_status lgr_%s_%s%s(lgr_context *lgr_ctx, const lgr_%s_%s_args *lgr_a", h->op, name, suffix, h->op, name);
    put_parameters(h, k, true);
    buf_printf(h->out, "%s)\n{\n", more);
    put_fill(h, k);
    buf_printf(h->out, "    lgr_c.stream = %s;\n    lgr_c.workspace = %s;\n    lgr_c.workspace_size = %s;\n    return %s;\n}\n\n", stream, space, size, call);
}

static void put_kernel(const Header *h, const LgkKernel *k)
{
    put_args(h, k);
    put_init(h, k);
    put_doc(h, k);
    put_function(h, k, "", ", void *lgr_stream, void *lgr_workspace, size_t lgr_workspace_bytes", "lgr_stream", "lgr_workspace", "lgr_workspace_bytes",
                 "lgr_launch(lgr_ctx, &lgr_c)");
    buf_puts(h->out, "/* Bytes of workspace that the same call needs. */\n");
    put_function(h, k, "_workspace", ", size_t *lgr_bytes", "NULL", "NULL", "0", "lgr_workspace_size(lgr_ctx, &lgr_c, lgr_bytes)");
    buf_puts(h->out, "/* Loads ahead what the same call needs, so that it may be captured. */\n");
    put_function(h, k, "_prepare", "", "NULL", "NULL", "0", "lgr_prepare(lgr_ctx, &lgr_c)");
}

bool pack_header(const void *pack, const char *op, Buf *out)
{
    Header h = {pack_view(pack), out, op};
    bool any = false;
    uint32_t n = pack_view_count(&h.v, LGK_T_KERNELS);
    buf_printf(out, "/* liger_%s.h: typed calls of the op %s. Made by ligerc from its spec. */\n#ifndef LIGER_", op, op);
    put_upper(out, op);
    buf_puts(out, "_H\n#define LIGER_");
    put_upper(out, op);
    buf_puts(out, "_H\n#include \"liger.h\"\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(text(&h, h.v.t_KERNELS[i].op), op))
            put_options(&h, &h.v.t_KERNELS[i]);
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(text(&h, h.v.t_KERNELS[i].op), op)) {
            put_kernel(&h, &h.v.t_KERNELS[i]);
            any = true;
        }
    buf_puts(out, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
    return any;
}
