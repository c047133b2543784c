/* pack_maker.c: SPEC HEADER PACK: the f32 instances of a spec for the host, and its typed header. */
#include "make_pack.h"
#include "pack.h"

#include <stdio.h>

static bool write_file(const char *path, const Buf *b)
{
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(b->p, 1, b->n, f) == b->n;
    return f && !fclose(f) && ok;
}

int main(int argc, char **argv)
{
    static const char *const fix[] = {"T=f32", "W=f32"};
    Buf pack = {0}, header = {0};
    bool ok = argc == 4 && make_pack(argv[1], "host", fix, 2, 1, &pack) && pack_header(pack.p, "rms_norm", &header) && write_file(argv[2], &header) &&
              write_file(argv[3], &pack);
    buf_free(&pack);
    buf_free(&header);
    return ok ? 0 : 1;
}
