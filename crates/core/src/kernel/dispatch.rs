//! Kernels compiled twice: for any machine of the architecture, and for the wider vectors that most have. Which one runs is
//! asked of the machine; both give the same bits, as the same operations are done on each pixel by itself.
//!
//! Their loops are written as `for`, whose body is part of the function: `for_each` and `fold` are calls, which a function of many
//! loops does not take in, and which are then compiled without its vectors (x + y of u8 with nodata: 1.8 GB/s against 18).

/// Defines a function that does what `$kernel` does, an `#[inline(always)]` function of the same arguments whose own calls
/// are inlined, too, with the widest vectors that this machine has. Its type parameters, if any, stand in brackets, and so do
/// those to call `$kernel` with, where its arguments do not tell them.
#[doc(hidden)]
#[macro_export]
macro_rules! dispatched {
    (
        $(#[$doc:meta])*
        $vis:vis fn $name:ident $([$($parameters:tt)*])? ($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)?
            => $kernel:ident $([$($given:tt)*])?;
    ) => {
        $(#[$doc])*
        #[allow(unsafe_code, reason = "a function for instructions that a machine may lack is called after asking for them")]
        $vis fn $name $(<$($parameters)*>)? ($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                #[target_feature(enable = "avx2")]
                fn with_avx2 $(<$($parameters)*>)? ($($arg: $type),*) $(-> $result)? {
                    $kernel $(::<$($given)*>)? ($($arg),*)
                }
                // SAFETY: the machine has the instructions.
                return unsafe { with_avx2 $(::<$($given)*>)? ($($arg),*) };
            }
            $kernel $(::<$($given)*>)? ($($arg),*)
        }
    };
}
pub(crate) use dispatched;

#[cfg(test)]
mod tests {
    dispatched! {
        fn quotients(a: &[f32], b: &[f32], out: &mut [f32]) => quotients_of;
    }

    #[inline(always)]
    fn quotients_of(a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = if a < b { (a - b) / (a + b) } else { (a * b).abs().sqrt() };
        }
    }

    #[test]
    fn wider_vectors_give_the_same_bits() {
        let a: Vec<f32> = (0..1000).map(|at| (at * at % 977) as f32 / 7.0 - 60.0).collect();
        let b: Vec<f32> = (0..1000).map(|at| (at * 31 % 89) as f32 / 3.0 - 9.0).collect();
        let [mut wide, mut plain] = [vec![0.0; 1000], vec![0.0; 1000]];
        quotients(&a, &b, &mut wide);
        quotients_of(&a, &b, &mut plain);
        let bits = |pixels: &[f32]| pixels.iter().map(|pixel| pixel.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&wide), bits(&plain));
    }
}
