# LLVM 22.1 for the room compiler/llvm: the shared library as packaged, or (LGR_PORTABLE) static archives in one binary to carry.
# The version file of LLVM accepts an equal major.minor only, hence 22.1.
find_package(LLVM 22.1 CONFIG REQUIRED HINTS /usr/lib/llvm-22 /usr/lib/llvm22 /opt/llvm-22)
message(STATUS "LLVM ${LLVM_PACKAGE_VERSION} in ${LLVM_DIR}")

function(lgr_link_llvm target)
  target_include_directories(${target} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
  if(NOT LGR_PORTABLE)
    target_link_libraries(${target} PUBLIC LLVM)
    return()
  endif()
  # The archives name shared z3, zlib and zstd; two of them have static forms and z3 is not needed.
  find_library(LGR_ZSTD_A libzstd.a REQUIRED)
  find_library(LGR_Z_A libz.a REQUIRED)
  set_target_properties(LLVMSupport PROPERTIES INTERFACE_LINK_LIBRARIES "LLVMDemangle;${LGR_ZSTD_A};${LGR_Z_A};rt;dl;m")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(host x86codegen x86asmparser x86desc x86info)
  else()
    set(host aarch64codegen aarch64asmparser aarch64desc aarch64info)
  endif()
  llvm_map_components_to_libnames(libs nvptxcodegen nvptxdesc nvptxinfo ${host} passes analysis target core support)
  target_link_libraries(${target} PUBLIC ${libs})
  target_link_options(${target} INTERFACE -static-libstdc++ -static-libgcc -Wl,--gc-sections -s)
  find_program(LGR_LLD ld.lld HINTS ${LLVM_TOOLS_BINARY_DIR})      # the C compiler looks for exactly this name
  if(LGR_LLD)
    get_filename_component(dir ${LGR_LLD} DIRECTORY)
    target_link_options(${target} INTERFACE -B${dir} -fuse-ld=lld -Wl,--icf=all)
  endif()
endfunction()
