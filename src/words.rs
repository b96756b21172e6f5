//! Enums whose variants each have a word, which is written once.

/// Defines an enum with a word for each variant, `ALL` of its variants in their order, and a function of the given name
/// that tells the word; with `+ Display`, it is also shown by that.
///
/// ```text
/// words! {
///     /// How much a check weighs.
///     pub enum Level: word + Display {
///         /// A failure gates.
///         Must => "must",
///     }
/// }
/// ```
macro_rules! words {
    ($(#[$of_enum:meta])* $vis:vis enum $name:ident: $word:ident + Display { $($body:tt)* }) => {
        $crate::words::words! { $(#[$of_enum])* $vis enum $name: $word { $($body)* } }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(self.$word())
            }
        }
    };
    (
        $(#[$of_enum:meta])*
        $vis:vis enum $name:ident: $word:ident {
            $($(#[$of_variant:meta])* $variant:ident $(= $number:literal)? => $text:literal,)+
        }
    ) => {
        $(#[$of_enum])*
        $vis enum $name {
            $($(#[$of_variant])* $variant $(= $number)?,)+
        }

        impl $name {
            /// Every one, in order.
            $vis const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The word for it.
            $vis const fn $word(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

pub(crate) use words;
