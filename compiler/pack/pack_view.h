/* pack_view.h: the tables of a pack, read in place, and the words for what its records say.
 *
 * The pack is one that pack_finish() made or that the runtime has checked; references in it are trusted, numbers that only
 * name something (element types, kinds of code) are not.
 */
#ifndef LGR_PACK_VIEW_H
#define LGR_PACK_VIEW_H
#include "pack.h"

typedef struct PackView {
    const LgkHeader *head;
#define X(e, type) const type *t_##e;
    LGK_TABLES(X)
#undef X
} PackView;

PackView    pack_view(const void *pack);
uint32_t    pack_view_count(const PackView *v, int table);               /* LGK_T_KERNELS.. */
const char *pack_view_str(const PackView *v, LgkStr s);
const char *pack_view_dtype(const PackView *v, const LgkKernel *k, const LgkTensor *t);   /* "f32", or the name of the kernel's type */
const char *pack_view_mode(const LgkTensor *t);                           /* in, out, inout */
const char *pack_view_kind(uint32_t kind);                                /* of code: cubin, PTX, host, sim */
const char *pack_view_choice(const PackView *v, const LgkOption *o, uint32_t choice);
const char *pack_view_bound(uint32_t dtype);                              /* what a type is bound to in an instance: dt_name, "?" for no such type */
const char *pack_view_grid(uint32_t grid);                                /* "persistent" */
const char *pack_view_by(uint32_t by);                                    /* "column" */
const char *pack_view_cond(uint32_t kind);                                /* "row_multiple" */
bool        pack_view_given(const LgkInstance *n, uint32_t tensor);

void pack_put_plain(Buf *out, const char *s);                             /* printable UTF-8: the rest escaped */
void pack_put_extent(const PackView *v, const LgkKernel *k, const LgkExtent *e, Buf *out);   /* "M", "2*F", "(N+1)/2" */
void pack_put_shape(const PackView *v, const LgkKernel *k, const LgkTensor *t, Buf *out);    /* "T[M, 2*F]" */
void pack_put_binding(const PackView *v, const LgkKernel *k, const LgkInstance *n, Buf *out); /* "T=bf16 affine=true", as sema_binding_text */
void pack_put_range(const LgkScalar *s, Buf *out);                        /* "[0, 1]", of a scalar that has one */
void pack_put_default(const LgkScalar *s, Buf *out);                      /* as short as its type allows */
void pack_put_cond(const PackView *v, const LgkKernel *k, const LgkVariant *x, const LgkCond *c, Buf *out);
void pack_put_blocks(const LgkLaunch *l, Buf *out);

#endif
