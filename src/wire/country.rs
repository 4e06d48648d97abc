//! Countries: ISO 3166-1 alpha-2, the 249 codes that are officially assigned.

const CODES: &str = "\
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT \
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS \
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG \
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW \
";

/// The code that `text` stands for, in capitals, however it is written.
pub fn parse(text: &str) -> Option<&'static str> {
    let mut codes = CODES.split_ascii_whitespace();
    codes.find(|code| code.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_249_in_order() {
        let codes: Vec<&str> = CODES.split_ascii_whitespace().collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted_by(|one, next| one < next));
        let is_code =
            |code: &&str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        assert!(codes.iter().all(is_code));
    }

    #[test]
    fn case_does_not_matter_and_all_else_does() {
        for (text, code) in [("DE", "DE"), ("de", "DE"), ("zW", "ZW"), ("Ad", "AD")] {
            assert_eq!(parse(text), Some(code));
        }
        // Reserved, withdrawn, of private use, the wrong length or alphabet.
        for text in [
            "",
            " ",
            "D",
            "DEU",
            "DE ",
            " DE",
            "D E",
            "UK",
            "EU",
            "XK",
            "SU",
            "AN",
            "AA",
            "ZZ",
            "QM",
            "12",
            "\u{ff24}\u{ff25}",
            "d\u{e9}",
            "AD AE",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
