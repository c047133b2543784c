#!/usr/bin/env bash
# What `cmake --install` puts where, that it may be moved, and that projects outside build and run on it by CMake and by pkg-config.
# usage: test_install.sh LIGERC ROOT BUILD LIBDIR
. "$(dirname "$0")/lib.sh"

build=$3 lib=$4
unset DESTDIR CMAKE_PREFIX_PATH PKG_CONFIG_PATH LD_LIBRARY_PATH
expect 0 cmake --install "$build" --prefix "$tmp/first"
mv "$tmp/first" "$tmp/moved"                       # nothing may remember where it was installed
at=$tmp/moved
for f in bin/ligerc "$lib/libliger.so" "$lib/libliger.so.0" "$lib/libligerc.so.0" include/liger.h include/ligerc.h include/dlpack.h share/licenses/liger/LICENSE "$lib/pkgconfig/liger.pc" \
    "$lib/cmake/Liger/LigerConfig.cmake" "$lib/cmake/Liger/LigerConfigVersion.cmake" "$lib/cmake/Liger/LigerAddKernels.cmake" share/liger/packs; do
    [ -e "$at/$f" ] || fault "not installed: $f"
done
for text in "completions bash:bash-completion/completions/ligerc" "completions zsh:zsh/site-functions/_ligerc"; do
    # shellcheck disable=SC2086
    expect 0 "$at/bin/ligerc" ${text%%:*}
    same "$tmp/out" "$at/share/${text#*:}"
done
if command -v scdoc >"$tmp/which"; then
    grep -q '^\.TH "ligerc" "1"' "$at/share/man/man1/ligerc.1" || fault "no manual page"
else
    echo "skipped: the manual page: no scdoc here"
fi
for spec in "$root"/specs/*.tile; do
    same "$spec" "$at/share/liger/specs/$(basename "$spec")"
done
for h in "$root"/generated/*.h; do
    same "$h" "$at/include/$(basename "$h")"
done
grep -rlIF -e "$tmp/first" -e "$root" -e "$build" "$at" && fault "installed texts name folders of the build"
expect 0 "$at/bin/ligerc" targets

# the library's name, and that it shows what liger.h declares (and the checker's hook) and nothing else
readelf -d "$at/$lib/libliger.so" | grep -q 'SONAME.*\[libliger\.so\.0\]' || fault "SONAME"
readelf -d "$at/$lib/libliger.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libdl|libpthread|ld-linux.*)\.so' && fault "libliger needs more than libc, libdl and libpthread"
cc -E -P -I "$at/include" "$at/include/liger.h" | tr '\n' ' ' | grep -oE 'visibility\("default"\)[^;]*;' | grep -oE 'lgr_[a-z0-9_]+ *\(' | tr -d ' (' | sort >"$tmp/declared"
nm -D --defined-only "$at/$lib/libliger.so" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | grep -v '^lgr__set_backend$' | sort >"$tmp/exported"
diff "$tmp/declared" "$tmp/exported" || fault "what liger.h declares (<) is not what the library exports (>)"
[ "$(wc -l <"$tmp/exported")" -ge 25 ] || fault "only $(wc -l <"$tmp/exported") functions"
nm -D --defined-only "$at/$lib/libliger.so" | grep ' T ' | grep -qv '@@LIGER_0$' && fault "symbols without the version LIGER_0"

# a project by CMake: typed header and pack by liger_add_kernels(); the spec's change remakes the pack
cp -r "$root/examples/cmake" "$tmp/cmake"
cp "$at/share/liger/specs/swiglu.tile" "$tmp/cmake/swiglu.tile"
sed -i 's/${Liger_SPECS}\/swiglu.tile/swiglu.tile/' "$tmp/cmake/CMakeLists.txt"
expect 0 cmake -S "$root/examples/cmake" -B "$tmp/o0" -G Ninja -DCMAKE_PREFIX_PATH="$at"
expect 0 cmake --build "$tmp/o0"
expect 0 "$tmp/o0/gated"
grep -q '^y\[7\] = 1\.827646' "$tmp/out" || fault "gated: $(cat "$tmp/out")"
expect 0 cmake -S "$tmp/cmake" -B "$tmp/o" -G Ninja -DCMAKE_PREFIX_PATH="$at"
expect 0 cmake --build "$tmp/o"
before=$(cksum <"$tmp/o/gates.lgk")
expect 0 cmake --build "$tmp/o"
grep -q 'no work to do' "$tmp/out" || fault "a second build has work to do: $(cat "$tmp/out")"
sed -i 's/gate_mul: f32 = 1$/gate_mul: f32 = 2/' "$tmp/cmake/swiglu.tile"
expect 0 cmake --build "$tmp/o"
[ "$(cksum <"$tmp/o/gates.lgk")" != "$before" ] || fault "the pack was not remade for its changed spec"
expect 1 "$tmp/o/gated"                            # the default of gate_mul is another now, and the program compares with the old one
expect 0 cmake --build "$tmp/o"
grep -q 'no work to do' "$tmp/out" || fault "work to do after the change: $(cat "$tmp/out")"
mkdir "$tmp/wrong"
printf 'cmake_minimum_required(VERSION 3.25)\nproject(p C)\nfind_package(Liger 0.1 REQUIRED)\nliger_add_kernels(k TARGETS host)\n' >"$tmp/wrong/CMakeLists.txt"
refused 1 "SPECS names no spec" cmake -S "$tmp/wrong" -B "$tmp/wrong/o" -G Ninja -DCMAKE_PREFIX_PATH="$at"
sed -i 's/Liger 0.1/Liger 9.0/' "$tmp/wrong/CMakeLists.txt"
expect 1 cmake -S "$tmp/wrong" -B "$tmp/wrong/o" -G Ninja -DCMAKE_PREFIX_PATH="$at"
tr -s '[:space:]' ' ' <"$tmp/err" | grep -q 'compatible with requested version' || fault "another version was taken for this one"
# kernels on a target that is there already
printf 'cmake_minimum_required(VERSION 3.25)\nproject(p C)\nfind_package(Liger REQUIRED)\nadd_executable(gated %s/gated.c)\ntarget_link_libraries(gated PRIVATE m)\n' "$tmp/cmake" >"$tmp/wrong/CMakeLists.txt"
printf 'set_target_properties(gated PROPERTIES COMPILE_DEFINITIONS GATES_PACK=GATED_PACK)\nliger_add_kernels(gated SPECS ${Liger_SPECS}/swiglu.tile DEFINES T=f32 PACK g.lgk)\n' >>"$tmp/wrong/CMakeLists.txt"
expect 0 cmake -S "$tmp/wrong" -B "$tmp/on" -G Ninja -DCMAKE_PREFIX_PATH="$at"
expect 0 cmake --build "$tmp/on"
expect 0 "$tmp/on/gated"
[ -s "$tmp/on/g.lgk" ] || fault "PACK does not name the pack"

# a project by pkg-config and, where there is make, its Makefile
export PKG_CONFIG_PATH=$at/$lib/pkgconfig
[ "$(pkg-config --modversion liger)" = "$(sed -n 's/^project(liger VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")" ] || fault "pkg-config: $(pkg-config --modversion liger)"
# shellcheck disable=SC2046
expect 0 cc -O2 -Wall -Werror -o "$tmp/rms_norm" "$root/examples/rms_norm.c" $(pkg-config --cflags --libs liger)
expect 0 "$(pkg-config --variable=ligerc liger)" build -D T=f32 -D W=f32 -o "$tmp/rms_norm.lgk" "$(pkg-config --variable=specs liger)/rms_norm.tile"
expect 0 env LD_LIBRARY_PATH="$(pkg-config --variable=libdir liger)" "$tmp/rms_norm" "$tmp/rms_norm.lgk"
grep -q '^y\[0\]\[0\] = -1\.49977' "$tmp/out" || fault "rms_norm: $(cat "$tmp/out")"
if command -v make >"$tmp/make"; then
    mkdir "$tmp/examples"
    cp -r "$root/examples/pkg-config" "$root/examples/rms_norm.c" "$tmp/examples"
    expect 0 make -C "$tmp/examples/pkg-config" run
    grep -q '^y\[0\]\[0\] = -1\.49977' "$tmp/out" || fault "make run: $(cat "$tmp/out")"
else
    echo "skipped: the Makefile: no make here"
fi

# the presets, and the library without the compiler
for preset in release debug sanitize portable runtime-only; do
    (cd "$root" && cmake --list-presets) | grep -q "\"$preset\"" || fault "no preset $preset"
done
cd "$root" || exit 1
expect 0 cmake --preset runtime-only -B "$tmp/ro" -DLGR_TESTS=OFF
expect 0 cmake --build "$tmp/ro"
expect 0 cmake --install "$tmp/ro" --prefix "$tmp/rp"
[ ! -e "$tmp/rp/bin/ligerc" ] && [ -e "$tmp/rp/$lib/libliger.so.0" ] || fault "the preset runtime-only"
mkdir "$tmp/plain"
printf 'cmake_minimum_required(VERSION 3.25)\nproject(p C)\nfind_package(Liger REQUIRED)\nadd_executable(e %s/examples/rms_norm.c)\ntarget_link_libraries(e Liger::liger)\n' "$root" >"$tmp/plain/CMakeLists.txt"
printf 'if(COMMAND liger_add_kernels)\n  message(FATAL_ERROR "there is no compiler")\nendif()\n' >>"$tmp/plain/CMakeLists.txt"
expect 0 cmake -S "$tmp/plain" -B "$tmp/plain/o" -G Ninja -DCMAKE_PREFIX_PATH="$tmp/rp"
expect 0 cmake --build "$tmp/plain/o"
expect 0 "$tmp/plain/o/e" "$tmp/rms_norm.lgk"
finish
